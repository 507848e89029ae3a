"""TensorFlow and Keras, imported without their greeting: `from keras_setup import keras`."""

import os

from shared.training.download import FOLDER

os.environ.setdefault(
    "KERAS_HOME", str(FOLDER / "keras")
)  # for ImageNet weights: in the checkout, not in the user's home
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only

# That oneDNN's kernels are used is said on standard error before that setting is read.
stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)
try:
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401
finally:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nowhere)
