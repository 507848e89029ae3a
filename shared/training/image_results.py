"""Write the results of training an image classifier: metrics, test images, metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from shared.training.confusion_matrix import picture
from shared.training.image_set import ImageSet, Part
from shared.training.metadata import library_versions, write_metadata
from shared.training.scores import accuracy, confusion, log_loss, table

MOST_HELD_OUT = 2000  # test images kept for export: enough to see half a point of accuracy
CALIBRATION = 160  # training images kept for quantization, to find the ranges of activations


def write_results(
    build: Path, name: str, data: ImageSet, probabilities: np.ndarray, libraries: list[str]
) -> None:
    """Print the metrics; write confusion-matrix.svg, held-out.npz and, at last, metadata.json.

    name: of the project; probabilities: the framework's own, float32 [test images, classes];
    libraries: distributions whose versions are recorded.
    """
    counts = confusion(probabilities, data.test.classes)
    metrics = {
        "accuracy": accuracy(probabilities, data.test.classes),
        "log_loss": log_loss(probabilities, data.test.classes),
    }
    print("\n" + table(counts, data.labels) + "\n")
    values = ", ".join(f"{metric} {value:.3f}" for metric, value in metrics.items())
    print(f"on {len(data.test):,} test images: {values}")

    title = f"{name}: {metrics['accuracy']:.1%} of {len(data.test):,} test images are right"
    (build / "confusion-matrix.svg").write_text(picture(counts, data.labels, title))
    kept = np.sort(np.random.default_rng(0).permutation(len(data.test))[:MOST_HELD_OUT])
    np.savez(
        build / "held-out.npz",
        images=data.test.images[kept],
        classes=data.test.classes[kept],
        probabilities=probabilities[kept],
        calibration=_calibration(data.train, data.size),
    )
    write_metadata(build, metadata_of(data, metrics, libraries))


def metadata_of(data: ImageSet, metrics: dict[str, float], libraries: list[str]) -> dict:
    """Return the metadata of an image classifier: see docs/contract.md."""
    return {
        "task": "image-classification",
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "url": {
                    "type": "string",
                    "format": "uri",
                    "description": "http or https address of a JPEG, PNG or WebP image",
                },
                "image": {
                    "type": "string",
                    "contentEncoding": "base64",
                    "description": "a JPEG, PNG or WebP image",
                },
            },
            "oneOf": [{"required": ["url"]}, {"required": ["image"]}],
            "additionalProperties": False,
        },
        "labels": data.labels,
        # The handler resizes. Scaling, normalization and the order of the axes are in the graph.
        "preprocessing": {
            "width": data.size,
            "height": data.size,
            "channels": 3,
            "resize": "to the size, antialiased",
        },
        "metrics": metrics,
        "trained_with": library_versions(*libraries),
        "data_sha256": data.sha256,
    }


def _calibration(train: Part, size: int) -> np.ndarray:
    """Return some training images at the model's size, uint8 [n, size, size, 3]."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(train))[:CALIBRATION])
    shape = (size, size)
    return np.stack(
        [np.asarray(Image.fromarray(image).resize(shape)) for image in train.images[chosen]]
    )
