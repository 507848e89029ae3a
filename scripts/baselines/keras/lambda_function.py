"""A Keras model, as the SavedModel that its training writes -> answers: what runs on Lambda without ONNX."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from shared.serving.events import serve
from shared.serving.image_requests import images_of, labelled
from shared.serving.logs import count, span
from shared.serving.onnx_common import threads

tf.config.threading.set_intra_op_parallelism_threads(threads())
tf.config.threading.set_inter_op_parallelism_threads(1)
model = tf.saved_model.load("saved-model")
metadata = json.loads(Path("metadata.json").read_text())
labels = metadata["labels"]
size = metadata["preprocessing"]["width"], metadata["preprocessing"]["height"]


def predict(request):
    """{"url": "https://…"} or {"image": "<base64>"} -> {"label": "hat", "probability": 0.9, "probabilities": {"hat": 0.9, …}}."""
    images = images_of(request, size)
    with span("inference"):
        rows = model.serve(np.stack([np.asarray(image) for image in images])).numpy().tolist()
    count("predictions", len(rows))
    answers = [labelled(row, labels) for row in rows]
    return {"predictions": answers} if "images" in request else answers[0]


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/events.py."""
    return serve(event, context, predict, metadata, media="image/")
