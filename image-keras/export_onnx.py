"""The Keras model, by way of its SavedModel -> model.onnx, written only if both give the same
probabilities.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
from keras_setup import keras

from shared.errors import UserError
from shared.training.image_export import OPSET, export
from shared.training.metadata import read_metadata

FOLDER = Path(__file__).resolve().parent
BUILD = FOLDER / "build"


def convert(size):
    """The SavedModel as an ONNX model. Its size is in it already."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        # tf2onnx knows Keras 2 only; what Keras 3 exports as a SavedModel is TensorFlow's, and that
        # it knows.
        command = [
            sys.executable,
            "-m",
            "tf2onnx.convert",
            "--saved-model",
            str(BUILD / "saved-model"),
        ]
        ran = subprocess.run(
            [*command, "--opset", str(OPSET), "--output", str(path)], capture_output=True, text=True
        )
        if ran.returncode:
            raise UserError(
                f"tf2onnx cannot convert {BUILD / 'saved-model'}: "
                f"{(ran.stderr.strip().splitlines() or ['?'])[-1]}"
            )
        return onnx.load(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="make build/model.int8.onnx too, if it is nearly as accurate",
    )
    args = parser.parse_args()
    read_metadata(BUILD)  # which says so where nothing was trained yet
    model = keras.models.load_model(BUILD / "model.keras")
    export(
        FOLDER, convert, lambda images: model.predict(images, batch_size=64, verbose=0), args.int8
    )


if __name__ == "__main__":
    main()
