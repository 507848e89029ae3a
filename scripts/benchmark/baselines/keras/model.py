"""model.keras in the place of shared/serving/onnx/model.py: what the project's handler runs without
ONNX.
"""

import json
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # errors only

import keras
import numpy as np
import tensorflow as tf

from shared.serving.onnx.common import threads

tf.config.threading.set_intra_op_parallelism_threads(threads())
tf.config.threading.set_inter_op_parallelism_threads(1)


class OnnxModel:
    """The network. path: where model.onnx would be, beside its file and the metadata."""

    def __init__(self, path: str) -> None:
        network = keras.models.load_model(Path(path).with_suffix(".keras"))
        self.metadata = json.loads(Path(path).with_name("metadata.json").read_text())
        size = self.metadata["preprocessing"]
        self._shape = (-1, size["height"], size["width"], 3)
        # Its graph, made once for batches of any size: several times as fast as network.predict,
        # meant for large data sets.
        images = tf.TensorSpec((None, *self._shape[1:]), tf.uint8)
        classify = tf.function(
            lambda batch: network(batch, training=False), input_signature=[images]
        )
        self._classify = classify.get_concrete_function()

    def run(self, inputs: dict) -> dict[str, list]:
        """Return probabilities, [batch, classes], for the bytes of RGB images."""
        images = np.frombuffer(inputs["image"], np.uint8).reshape(self._shape)
        return {"probabilities": self._classify(tf.constant(images)).numpy().tolist()}
