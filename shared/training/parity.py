"""Parity: write an ONNX file only if ONNX Runtime predicts what the framework predicts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import onnx

from shared.errors import UserError
from shared.serving.onnx.model import OnnxModel
from shared.training.metadata import attach, version

TOLERANCE = 1e-5  # of a probability; float32 arithmetic in another order differs by about 1e-7


def differences(expected: np.ndarray, actual: np.ndarray, unit: float = 1) -> np.ndarray:
    """Return the differences of two arrays of the same shape, infinite where either has a NaN.

    They are relative to the expected values where those are larger than the unit, and otherwise to
    the unit. So the differences of probabilities, whose unit is 1, are absolute. Raises ValueError
    when the shapes differ.
    """
    if expected.shape != actual.shape:
        raise ValueError(f"shapes differ: {expected.shape} and {actual.shape}")
    expected = expected.astype(np.float64)
    apart = np.abs(expected - actual.astype(np.float64)) / np.maximum(np.abs(expected), unit)
    return np.nan_to_num(apart, nan=np.inf)


def unit_of(metadata: dict, expected: np.ndarray) -> float:
    """Return the unit of a model's differences: 1 for probabilities, and the standard deviation for
    numbers.
    """
    return 1 if "labels" in metadata else float(np.std(expected)) or 1


def run_in_batches(model: OnnxModel, inputs: dict, sizes: Sequence[int]) -> np.ndarray:
    """Run a model with one output in batches. Returns the output, [rows, classes] or [rows, 1].

    inputs: as OnnxModel.run takes them, but with one element for each row. sizes: of the batches,
    repeated until all rows have been run.
    """
    rows = len(next(iter(inputs.values())))
    parts, start, size = [], 0, cycle(sizes)
    while start < rows:
        end = start + next(size)
        batch = {name: values[start:end] for name, values in inputs.items()}
        [output] = model.run(batch).values()
        parts += output
        start = end
    return np.array(parts)


def _message(apart: np.ndarray, expected: np.ndarray, actual: np.ndarray, inputs: dict) -> str:
    """Return one line about the row with the largest difference: both values, and the inputs."""
    row, column = np.unravel_index(int(apart.argmax()), apart.shape)
    # Not the pixels of an image.
    values = {name: column[row] for name, column in inputs.items() if np.ndim(column[row]) == 0}
    pairs = ", ".join(f"{name}={_shown(value)}" for name, value in values.items())
    given = f" Its input: {pairs}." if values else ""
    differing = f"{actual[row, column]:.9g} instead of {expected[row, column]:.9g}"
    place = f", class {column}" if expected.shape[1] > 1 else ""
    return (
        f"ONNX Runtime's predictions differ from the framework's by up to {apart.max():.2g}, more "
        f"than {TOLERANCE:g}: in row {row} (from 0){place}, {differing}; nothing was written."
        f"{given}"
    )


def _shown(value: object) -> str:
    """Return a value for a message: the start of a long text."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def save_if_equal(
    model: onnx.ModelProto,
    path: Path,
    metadata: dict,
    inputs: dict,
    expected: np.ndarray,
    batch_sizes: Sequence[int] = (),
) -> float:
    """Write a model and its metadata to a file, if it predicts what the framework predicts.

    metadata: as training wrote it. Added are `version` and, as metric `parity`, the difference.
    inputs: as OnnxModel.run takes them; expected: the framework's probabilities, [rows, classes],
    or its numbers, [rows, 1], if there are no labels: see `differences` and `unit_of`.
    batch_sizes: rows per run, in turn; by default all at once. Rows repeat when there are too few.
    Returns the largest difference. Raises UserError, and writes nothing, above TOLERANCE.
    """
    onnx.checker.check_model(model, full_check=True)
    metadata = {**metadata, "version": version(path.parent.parent)}
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        candidate = Path(folder, path.name)  # on the same disk, so that replace() is atomic
        attach(model, metadata)
        onnx.save(model, candidate)
        if batch_sizes:
            rows = np.arange(max(len(expected), sum(batch_sizes))) % len(expected)
            expected, inputs = (
                expected[rows],
                {name: values[rows] for name, values in inputs.items()},
            )
        actual = run_in_batches(OnnxModel(candidate), inputs, batch_sizes or [len(expected)])
        apart = differences(expected, actual, unit_of(metadata, expected))
        difference = float(apart.max())
        if difference > TOLERANCE:
            raise UserError(_message(apart, expected, actual, inputs))
        attach(model, {**metadata, "metrics": {**metadata["metrics"], "parity": difference}})
        onnx.save(model, candidate)
        candidate.replace(path)
    return difference
