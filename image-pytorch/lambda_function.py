"""Answer requests with model.onnx: the function that runs on Lambda."""

import os

from shared.serving.app import Service
from shared.serving.images.requests import images_of
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel
from shared.serving.predictions import labeled

# Made once, while Lambda starts the function, and used by every invocation after that.
model = OnnxModel(os.environ.get("MODEL_PATH", "model.onnx"))
labels = model.metadata["labels"]
size = model.metadata["preprocessing"]["width"], model.metadata["preprocessing"]["height"]


def predict(request: dict) -> dict:
    """Predict for {"url": "https://…"}, {"image": "<base64>"} or {"images": [{…}, …]}.

    Returns {"label": "hat", "probability": 0.9, "probabilities": {"hat": 0.9, …}}, or
    {"predictions": [{…}, …]}. Raises InvalidInput.
    """
    images = images_of(request, size)
    with timed("inference"):  # pixels are scaled and transposed inside the model
        rows = model.run({"image": b"".join(image.tobytes() for image in images)})["probabilities"]
    count("predictions", len(rows))
    predictions = [labeled(row, labels) for row in rows]
    return {"predictions": predictions} if "images" in request else predictions[0]


service = Service(predict, model.metadata, media="image/")


def lambda_handler(event: dict, context: object) -> object:
    """Respond to an event from any source: see shared/serving/app.py."""
    return service(event, context)
