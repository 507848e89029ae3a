"""Export an image classifier, whatever framework it comes from."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from shared.training.graphs import rename
from shared.training.metadata import read_metadata
from shared.training.parity import save_if_equal
from shared.training.quantize import save_int8_if_as_accurate

OPSET = 18  # any onnxruntime since 1.14 loads it
BATCH_SIZES = [1, 2, 7, 64]  # of the parity check


def export(
    folder: Path, convert: Callable[[int], onnx.ModelProto], predict: Callable, int8: bool
) -> None:
    """Write build/model.onnx of a project, optionally build/model.int8.onnx, and print a report.

    convert: returns the ONNX model for square images of a side in pixels. predict: returns the
    framework's probabilities, [n, classes], for uint8 images, [n, height, width, 3].
    int8: whether to write model.int8.onnx; `quantized = true` in function.toml does the same.
    Otherwise an older model.int8.onnx is removed, because it belongs to another model.
    Raises UserError, and writes nothing, when the predictions differ from the framework's.
    """
    start = time.perf_counter()
    build = folder / "build"
    metadata = {"name": folder.name, **read_metadata(build)}
    with np.load(build / "held-out.npz") as arrays:
        held_out = dict(arrays)
    images = held_out["images"]
    path = build / "model.onnx"
    model = tidy(convert(metadata["preprocessing"]["width"]))
    difference = save_if_equal(
        model, path, metadata, {"image": images}, predict(images), BATCH_SIZES
    )
    sizes = ", ".join(map(str, BATCH_SIZES))
    print(
        f"largest difference of a probability on {len(images):,} images, in batches of {sizes}: "
        f"{difference:.1g}"
    )
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    print(
        f"wrote {os.path.relpath(path)}, {kilobytes(path)}, opset {opset}, in "
        f"{time.perf_counter() - start:.1f} s"
    )
    target = build / "model.int8.onnx"
    if int8 or tomllib.loads((folder / "function.toml").read_text()).get("quantized"):
        before, after = save_int8_if_as_accurate(path, target, metadata, held_out)
        right = f"{after:.2%} right on {len(images):,} test images, float32 {before:.2%}"
        print(f"wrote {os.path.relpath(target)}, {kilobytes(target)}: {right}")
    elif target.exists():
        target.unlink()
        print(f"removed {os.path.relpath(target)} of an earlier export")


def kilobytes(path: Path) -> str:
    """Return the size of a file as text."""
    return f"{path.stat().st_size / 1000:,.0f} kB"


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name input, output and batch as the contract does; remove what running the model does
    not need.

    PyTorch's exporter records for each node the source line it comes from, with local paths.
    """
    graph = model.graph
    [image], [probabilities] = graph.input, graph.output
    for value, name in (image, "image"), (probabilities, "probabilities"):
        rename(graph, {value.name: name})
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]  # shapes between the layers, with other names for the batch
    for part in [model, graph, image, probabilities, *graph.node, *graph.initializer]:
        part.doc_string = ""
        del part.metadata_props[:]
    return model
