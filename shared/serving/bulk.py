"""Many rows scored as few large batches; a row that is refused does not take the others with it."""

from __future__ import annotations

import json
from collections.abc import Callable

from shared.serving import logs
from shared.serving.errors import InvalidInput
from shared.serving.lines import Row, told

BATCH = 10_000  # rows in one call of predict


def score(rows: list[Row], predict: Callable, many: str | None, features: set[str]) -> tuple[list[str], list[dict]]:
    """Answers as JSON texts, one for each row in its order, and the refused ones with the number of their line and the reason.

    many: the key of a list of rows in a request; None where each row is a request of its own.
    features: what the model knows. What a row has beside them, a customer's number say, is copied into its answer.
    """
    answers, refused = [], []
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        split = [_split(row, features if many else set()) for _, row in batch]
        good = [row for _, row in split if not isinstance(row, InvalidInput)]
        scored = iter(_scored(good, predict, many) if many else [_alone(row, predict) for row in good])
        for (line, _), (extra, row) in zip(batch, split):
            answer = row if isinstance(row, InvalidInput) else next(scored)
            if isinstance(answer, InvalidInput):
                refused.append({"line": line, "problem": told(answer)})
                answer = {"error": told(answer)}
            answers.append(json.dumps({**extra, **answer}, ensure_ascii=False, allow_nan=False))
    logs.count("refused", len(refused))
    return answers, refused


def _split(row: dict | InvalidInput, features: set[str]) -> tuple[dict, dict | InvalidInput]:
    """What a row has beside the model's features, and the features."""
    if isinstance(row, InvalidInput) or not features or row.keys() <= features:
        return {}, row
    return {key: row[key] for key in row if key not in features}, {key: row[key] for key in row if key in features}


def _scored(rows: list[dict], predict: Callable, many: str) -> list[dict | InvalidInput]:
    """An answer or a refusal for each row. A batch is refused as a whole: without the rows that it names, it is tried again."""
    if not rows:
        return []
    try:
        return predict({many: rows})["predictions"]
    except InvalidInput as refusal:
        named = _by_row(refusal, len(rows))
        if len(rows) == 1:
            return [named.get(0, refusal)]
        if refusal.more or not named:  # not all problems are told
            middle = len(rows) // 2
            return _scored(rows[:middle], predict, many) + _scored(rows[middle:], predict, many)
        rest = iter(_scored([row for at, row in enumerate(rows) if at not in named], predict, many))
        return [named[at] if at in named else next(rest) for at in range(len(rows))]


def _by_row(refusal: InvalidInput, rows: int) -> dict[int, InvalidInput]:
    """The problems of each row by its index, with paths that begin in the row."""
    found: dict[int, list] = {}
    for path, reason in refusal.problems:
        if len(path) > 1 and isinstance(path[1], int) and path[1] < rows:
            found.setdefault(path[1], []).append((path[2:], reason))
    return {at: InvalidInput(*problems) for at, problems in found.items()}


def _alone(row: dict, predict: Callable) -> dict | InvalidInput:
    try:
        return predict(row)
    except InvalidInput as refusal:
        return refusal
