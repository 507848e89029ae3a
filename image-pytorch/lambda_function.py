"""model.onnx -> answers: what runs on Lambda."""

import os

from shared.serving.app import serve
from shared.serving.images.requests import images_of, labelled
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel

# Made once, while Lambda starts the function, and used by every invocation after that.
model = OnnxModel(os.environ.get("MODEL_PATH", "model.onnx"))
labels = model.metadata["labels"]
size = model.metadata["preprocessing"]["width"], model.metadata["preprocessing"]["height"]


def predict(request):
    """{"url": "https://…"} or {"image": "<base64>"} -> {"label": "hat", "probability": 0.9,
    "probabilities": {"hat": 0.9, …}}.

    {"images": [{"url": …}, {"image": …}, …]} -> {"predictions": […]}. Raises InvalidInput for what
    cannot be answered.
    """
    images = images_of(request, size)
    with timed("inference"):  # pixels are scaled and transposed inside the model
        rows = model.run({"image": b"".join(image.tobytes() for image in images)})["probabilities"]
    count("predictions", len(rows))
    answers = [labelled(row, labels) for row in rows]
    return {"predictions": answers} if "images" in request else answers[0]


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/app.py."""
    return serve(event, context, predict, model.metadata, media="image/")
