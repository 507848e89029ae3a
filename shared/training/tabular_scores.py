"""Metrics of a model of rows on held-out rows, and the threshold of a classifier of two classes."""

from __future__ import annotations

import numpy as np
from sklearn import metrics


def best_threshold(classes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the probability from which predicting class 1 gives the best F1 score.

    classes: 0 or 1, [rows]; probabilities: [rows, 2]. Candidates: 0.05 to 0.95, in steps of 0.01.
    """
    candidates = np.arange(5, 96) / 100
    scores = [metrics.f1_score(classes, probabilities[:, 1] >= limit) for limit in candidates]
    return float(candidates[np.argmax(scores)])


def evaluate(true: np.ndarray, predicted: np.ndarray, threshold: float | None) -> dict[str, float]:
    """Return the metrics of some predictions by name.

    true: the classes, or the numbers of a regression, [rows]; predicted: the probabilities, [rows,
    classes], or the numbers, [rows, 1]; threshold: None for more than two classes, and for numbers.
    """
    if threshold is not None:
        chosen = predicted[:, 1] >= threshold
        found = {
            "auc": metrics.roc_auc_score(true, predicted[:, 1]),
            "log_loss": metrics.log_loss(true, predicted),
            "precision": metrics.precision_score(true, chosen),
            "recall": metrics.recall_score(true, chosen),
        }
    elif predicted.shape[1] > 1:
        found = {
            "accuracy": metrics.accuracy_score(true, predicted.argmax(1)),
            "log_loss": metrics.log_loss(true, predicted, labels=range(predicted.shape[1])),
        }
    else:
        found = {
            "mae": metrics.mean_absolute_error(true, predicted),
            "rmse": metrics.root_mean_squared_error(true, predicted),
            "r2": metrics.r2_score(true, predicted),
        }
    return {name: float(value) for name, value in found.items()}
