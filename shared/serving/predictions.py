"""Run a model of rows, and describe its outputs by the model's metadata."""

from __future__ import annotations

from shared.serving import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# Rows in one run of a model of free text. Each run needs memory for all words of its longest text
# and for the whole vocabulary, in each row.
TEXTS_AT_ONCE = 100


def run(model: Any, columns: dict[str, list]) -> list[list[float]]:
    """Run a model with one output. Returns the output's row for each row of the columns.

    model: an OnnxModel; columns: as Features.columns_of returns them.
    """
    properties = model.metadata["input_schema"]["properties"]
    if not any(rules.get("format") == "text" for rules in properties.values()):
        [rows] = model.run(columns).values()
        return rows
    rows, count = [], len(next(iter(columns.values())))
    for start in range(0, count, TEXTS_AT_ONCE):
        end = start + TEXTS_AT_ONCE
        [found] = model.run({name: cells[start:end] for name, cells in columns.items()}).values()
        rows += found
    return rows


def predictions_of(
    rows: list[list[float]], metadata: dict, *, value: str, probability: str = "probability"
) -> list[dict]:
    """Return a prediction for each row of a model's output.

    rows: the probabilities of the classes, or a number each if the model has no labels.
    metadata: of the model. With a threshold, a prediction is the probability of the second class,
        and whether it reaches the threshold. With labels alone, it is as `labeled` returns it.
        Without labels, it is the number, with its unit if the metadata has one.
    value, probability: the keys of the predicted value and of its probability.
    """
    if "threshold" in metadata:
        threshold = metadata["threshold"]
        return [{probability: p, value: p >= threshold} for _, p in rows]
    if labels := metadata.get("labels"):
        return [labeled(row, labels, value, probability) for row in rows]
    unit = {"unit": metadata["unit"]} if metadata.get("unit") else {}
    return [{value: number, **unit} for [number] in rows]


def labeled(
    probabilities: list[float],
    labels: list[str],
    value: str = "label",
    probability: str = "probability",
) -> dict:
    """Return the most probable label with its probability, and the probabilities of all labels.

    value, probability: the keys of the label and of its probability.
    """
    best = max(range(len(labels)), key=probabilities.__getitem__)
    return {
        value: labels[best],
        probability: probabilities[best],
        "probabilities": dict(zip(labels, probabilities)),
    }
