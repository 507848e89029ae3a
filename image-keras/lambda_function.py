"""Answer requests with model.onnx: the function that runs on Lambda."""

import os

from keras_image_helper import create_preprocessor

from shared.serving.app import Service
from shared.serving.images.requests import images_of
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel
from shared.serving.predictions import labeled

# Made once, while Lambda starts the function, and used by every invocation after that.
model = OnnxModel(os.environ.get("MODEL_PATH", "model.onnx"))
labels = model.metadata["labels"]
size = model.metadata["preprocessing"]["width"], model.metadata["preprocessing"]["height"]
# Pixels are scaled inside the model, which takes bytes; the helper's own preprocessing would give
# it floats.
preprocessor = create_preprocessor(lambda batch: batch.astype("uint8"), target_size=size)


def predict(request: dict) -> dict:
    """Predict for {"url": "https://…"}, {"image": "<base64>"} or {"images": [{…}, …]}.

    Returns {"label": "hat", "probability": 0.9, "probabilities": {"hat": 0.9, …}}, or
    {"predictions": [{…}, …]}. Raises InvalidInput.
    """
    tensors = [preprocessor.convert_to_tensor(image) for image in images_of(request, size)]
    with timed("inference"):
        rows = model.run({"image": b"".join(tensors)})["probabilities"]
    count("predictions", len(rows))
    predictions = [labeled(row, labels) for row in rows]
    return {"predictions": predictions} if "images" in request else predictions[0]


service = Service(predict, model.metadata, media="image/")


def lambda_handler(event: dict, context: object) -> object:
    """Respond to an event from any source: see shared/serving/app.py."""
    return service(event, context)
