"""Metrics of a classifier: accuracy, log loss, confusion matrix, recall and precision."""

from __future__ import annotations

import numpy as np


def accuracy(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of images whose most probable class is the true one.

    probabilities: [n, classes]; classes: [n].
    """
    return float(np.mean(probabilities.argmax(1) == classes))


def log_loss(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean negative logarithm of the probability of the true class.

    probabilities: [n, classes]; classes: [n].
    """
    true = np.asarray(probabilities, np.float64)[np.arange(len(classes)), classes]
    return float(-np.log(np.clip(true, 1e-12, 1)).mean())


def confusion(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return how many images of each class (rows) were predicted as each class (columns)."""
    counts = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(counts, (classes, probabilities.argmax(1)), 1)
    return counts


def table(counts: np.ndarray, labels: list[str]) -> str:
    """Return a line for each class: its images, its recall and its precision.

    counts: what confusion returns.
    """
    wide = max(map(len, [*labels, "class"]))
    lines = [f"{'class':<{wide}}  images  recall  precision"]
    for number, label in enumerate(labels):
        true, said, right = counts[number].sum(), counts[:, number].sum(), counts[number, number]
        precision = f"{right / said:9.2f}" if said else f"{'never said':>9}"
        lines.append(f"{label:<{wide}}  {true:6,}  {right / true:6.2f}  {precision}")
    return "\n".join(lines)
