"""Import TensorFlow and Keras without their log messages: `from keras_setup import keras`."""

import os

from shared.training.download import FOLDER

# For ImageNet weights: in the checkout, not in the user's home.
os.environ.setdefault("KERAS_HOME", str(FOLDER / "keras"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only

# TensorFlow reports on oneDNN to standard error before it reads that setting.
stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)
try:
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401
finally:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nowhere)
