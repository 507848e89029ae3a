"""Convert the Keras model to build/model.onnx, and check that both predict the same.

Reads build/saved-model/, build/model.keras, build/held-out.npz and build/metadata.json.
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
    """Return the SavedModel as an ONNX model. Raises UserError when tf2onnx cannot convert it.

    size: of the images; unused, because the SavedModel has it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        # tf2onnx reads Keras 2 models only, but also TensorFlow's SavedModel, which Keras 3 writes.
        command = [sys.executable, "-m", "tf2onnx.convert"]
        command += ["--saved-model", str(BUILD / "saved-model")]
        command += ["--opset", str(OPSET), "--output", str(path)]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            reason = (ran.stderr.strip().splitlines() or ["?"])[-1]
            raise UserError(f"tf2onnx cannot convert {BUILD / 'saved-model'}: {reason}")
        return onnx.load(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="also write build/model.int8.onnx, if it is nearly as accurate",
    )
    args = parser.parse_args()
    read_metadata(BUILD)  # an error unless a model was trained
    model = keras.models.load_model(BUILD / "model.keras")
    export(
        FOLDER, convert, lambda images: model.predict(images, batch_size=64, verbose=0), args.int8
    )


if __name__ == "__main__":
    main()
