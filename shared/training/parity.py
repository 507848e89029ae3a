"""Whether ONNX Runtime answers as the framework does, and the file that is written only if it does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx

from shared.serving.onnx_model import OnnxModel
from shared.training.card import attach, version

TOLERANCE = 1e-5  # of a probability; float32 arithmetic in another order differs by about 1e-7


def largest_difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """The largest absolute difference of two arrays of one shape; infinite where either has a NaN."""
    if expected.shape != actual.shape:
        raise ValueError(f"shapes differ: {expected.shape} and {actual.shape}")
    difference = np.abs(expected.astype(np.float64) - actual.astype(np.float64))
    return float(np.nan_to_num(difference, nan=np.inf).max())


def save_if_equal(model: onnx.ModelProto, path: Path, card: dict, inputs: dict, expected: np.ndarray) -> float:
    """Writes the model with its card, if it gives the framework's probabilities.

    card: as training wrote it; `version`, and the difference as the metric `parity`, are added to the model's metadata.
    inputs: as OnnxModel.run takes them; expected: what the framework gives for them, [rows, classes].
    Returns the largest difference. Ends the program with one line, nothing written, where it is above TOLERANCE.
    """
    onnx.checker.check_model(model, full_check=True)
    card = {**card, "version": version()}
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        candidate = Path(folder, path.name)  # beside its place, so that it can be moved there in one step
        attach(model, card)
        onnx.save(model, candidate)
        actual = np.array(OnnxModel(candidate).run(inputs)["probabilities"])
        difference = largest_difference(expected, actual)
        if difference > TOLERANCE:
            raise SystemExit(
                f"ONNX Runtime's probabilities differ from the framework's by up to {difference:.2g}, "
                f"more than {TOLERANCE:g}: nothing was written"
            )
        attach(model, {**card, "metrics": {**card["metrics"], "parity": difference}})
        onnx.save(model, candidate)
        candidate.replace(path)
    return difference
