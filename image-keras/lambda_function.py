"""model.onnx -> answers: what runs on Lambda."""

import os

from keras_image_helper import create_preprocessor

from shared.serving.app import serve
from shared.serving.images.requests import images_of, labelled
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel

# Made once, while Lambda starts the function, and used by every invocation after that.
model = OnnxModel(os.environ.get("MODEL_PATH", "model.onnx"))
labels = model.metadata["labels"]
size = model.metadata["preprocessing"]["width"], model.metadata["preprocessing"]["height"]
# Pixels are scaled inside the model, which takes bytes; the helper's own preprocessing would give
# it floats.
preprocessor = create_preprocessor(lambda batch: batch.astype("uint8"), target_size=size)


def predict(request):
    """{"url": "https://…"} or {"image": "<base64>"} -> {"label": "hat", "probability": 0.9,
    "probabilities": {"hat": 0.9, …}}.

    {"images": [{"url": …}, {"image": …}, …]} -> {"predictions": […]}. Raises InvalidInput for what
    cannot be answered.
    """
    tensors = [preprocessor.convert_to_tensor(image) for image in images_of(request, size)]
    with timed("inference"):
        rows = model.run({"image": b"".join(tensors)})["probabilities"]
    count("predictions", len(rows))
    answers = [labelled(row, labels) for row in rows]
    return {"predictions": answers} if "images" in request else answers[0]


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/app.py."""
    return serve(event, context, predict, model.metadata, media="image/")
