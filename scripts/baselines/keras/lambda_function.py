"""model.keras -> answers: what runs on Lambda without ONNX."""

import json
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # errors only

import keras
import numpy as np
import tensorflow as tf

from shared.serving.events import serve
from shared.serving.image_requests import images_of, labelled
from shared.serving.logs import count, span
from shared.serving.onnx_common import threads

tf.config.threading.set_intra_op_parallelism_threads(threads())
tf.config.threading.set_inter_op_parallelism_threads(1)
model = keras.models.load_model("model.keras")
metadata = json.loads(Path("metadata.json").read_text())
labels = metadata["labels"]
size = metadata["preprocessing"]["width"], metadata["preprocessing"]["height"]
# Its graph, made once for batches of any size: several times as fast as model.predict, which is meant for large data sets.
images_type = tf.TensorSpec((None, *size[::-1], 3), tf.uint8)
classify = tf.function(lambda images: model(images, training=False), input_signature=[images_type]).get_concrete_function()


def predict(request):
    """{"url": "https://…"} or {"image": "<base64>"} -> {"label": "hat", "probability": 0.9, "probabilities": {"hat": 0.9, …}}."""
    images = images_of(request, size)
    with span("inference"):
        rows = classify(tf.constant(np.stack([np.asarray(image) for image in images]))).numpy().tolist()
    count("predictions", len(rows))
    answers = [labelled(row, labels) for row in rows]
    return {"predictions": answers} if "images" in request else answers[0]


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/events.py."""
    return serve(event, context, predict, metadata, media="image/")
