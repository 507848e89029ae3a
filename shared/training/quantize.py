"""Quantization: an int8 model, a quarter of the size and faster on some CPUs."""

from __future__ import annotations

import copy
import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from shared.errors import UserError
from shared.serving.onnx.model import OnnxModel
from shared.training.metadata import attach, version
from shared.training.parity import run_in_batches
from shared.training.scores import accuracy, log_loss

MOST_LOST = 0.005  # of accuracy: half a point
BATCH = 32


class Images(CalibrationDataReader):
    """Yield images, [n, height, width, 3], in batches, as ONNX Runtime asks for them."""

    def __init__(self, images: np.ndarray):
        self._batches = iter(
            [{"image": images[i : i + BATCH]} for i in range(0, len(images), BATCH)]
        )

    def get_next(self) -> dict | None:
        """Return the next batch by input name, None at the end."""
        return next(self._batches, None)


def quantize(source: Path, target: Path, calibration: np.ndarray) -> None:
    """Write an int8 copy of a model: 8 bits for activations and, per channel, for weights.

    calibration: images that fix the ranges of activations, uint8 [n, height, width, 3]. This is
    static quantization (QDQ): with quantize_dynamic, convolutions are slower than in float32.
    """
    logging.getLogger().setLevel(logging.ERROR)  # it recommends what the next lines do
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        prepared = Path(folder, "prepared.onnx")
        # Symbolic shapes would need sympy, and an image model has none but its batch.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            Images(calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Weights of 7 bits: with 8, sums overflow on a CPU without VNNI, and predictions are
            # wrong.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Probabilities of 8 bits would be multiples of 1/256 that do not sum to 1.
            nodes_to_exclude=[
                node.name for node in onnx.load(prepared).graph.node if node.op_type == "Softmax"
            ],
        )


def save_int8_if_as_accurate(
    source: Path, target: Path, metadata: dict, held_out: dict
) -> tuple[float, float]:
    """Write target, an int8 copy of the model in source with metrics of its own.

    held_out: the arrays of build/held-out.npz. Returns the accuracy of source and target on the
    held-out images. Raises UserError, and leaves no target, when int8 loses more than MOST_LOST.
    """
    images, classes = held_out["images"], held_out["classes"]
    numbered = {**metadata, "version": version(target.parent.parent)}
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        candidate = Path(folder, target.name)
        quantize(source, candidate, held_out["calibration"])
        attach_metrics(candidate, numbered, {})
        exact, rounded = (
            run_in_batches(OnnxModel(path), {"image": images}, [BATCH])
            for path in (source, candidate)
        )
        before, after = accuracy(exact, classes), accuracy(rounded, classes)
        if before - after > MOST_LOST:
            target.unlink(missing_ok=True)
            raise UserError(
                f"int8 is right for {after:.2%} of {len(classes):,} test images, float32 for "
                f"{before:.2%}: more than {MOST_LOST:.1%} would be lost, so no {target.name} was "
                "written"
            )
        metrics = {"accuracy": after, "log_loss": log_loss(rounded, classes)}
        attach_metrics(candidate, numbered, metrics)
        candidate.replace(target)
    return before, after


def attach_metrics(path: Path, metadata: dict, metrics: dict) -> None:
    """Store the float model's metadata in an int8 file, with metrics of its own."""
    model = onnx.load(path)
    own = copy.deepcopy(metadata) | {"metrics": {**metadata["metrics"], **metrics}}
    attach(model, own)
    onnx.save(model, path)
