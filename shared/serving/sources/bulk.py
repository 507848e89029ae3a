"""Score many rows in large batches; a row that is refused does not take the others with it."""

from __future__ import annotations

from collections.abc import Callable

from shared.serving import logs
from shared.serving.errors import Group, InvalidInput, shortened
from shared.serving.sources.row_files import Line, encoded

BATCH = 10_000  # rows in one call of predict
MOST_TOLD = 5  # problems spelled out for one row: the text must not outgrow the rows
INPUT = "input"  # the key for the columns of a row that are named like a part of an answer


def score(
    rows: list[Line], predict: Callable, many: str | None, reserved: frozenset[str]
) -> list[tuple[str, str] | None]:
    """For each line its answer as JSON text and why it was refused, "" where it was not; None for a
    blank line.

    rows: at most BATCH, as a reader of lines.py gives them.
    many: the key of a list of rows in a request; None where each row is a request of its own.
    reserved: as reserved_names gives them.
    """
    good = [row for row in rows if type(row) is tuple]
    requests = [features for features, _ in good]
    answers = (
        iter(_scored(requests, predict, many))
        if many
        else (_alone(row, predict) for row in requests)
    )
    refused: dict[
        tuple, tuple[str, str]
    ] = {}  # by their problems, which many rows share: each is put into words once
    result: list[tuple[str, str] | None] = []
    for row in rows:
        if row is None:
            result.append(None)
            continue
        answer, others = (row, {}) if isinstance(row, InvalidInput) else (next(answers), row[1])
        if isinstance(answer, dict):
            try:
                result.append(
                    (encoded(_joined(others, answer, reserved) if others else answer), "")
                )
                continue
            except ValueError:
                answer = InvalidInput(((), "has an answer that is not a number"))
        same = answer.problems, answer.more
        if same not in refused:
            problem = message(answer)
            refused[same] = encoded({"error": problem}), problem
        text, problem = refused[same]
        result.append(
            (encoded(_joined(others, {"error": problem}, reserved)) if others else text, problem)
        )
    return result


def reserved_names(predict: Callable, many: str | None, input_schema: dict) -> frozenset[str]:
    """The names that a column of the input must not take in a result: those in an answer, which a
    row of the schema tells.
    """
    names = {"error", "warnings", INPUT}
    if not many:
        return frozenset(names)
    example = {
        name: (rules.get("x-seen") or [rules.get("minimum", "")])[0]
        for name, rules in input_schema["properties"].items()
    }
    with logs.unlogged():
        [answer] = _scored([example], predict, many)
    return frozenset(names.union(answer if isinstance(answer, dict) else ()))


def message(refusal: InvalidInput) -> str:
    """A refusal in one line that is not too long for a table."""
    problems = refusal.problems
    if len(problems) > MOST_TOLD:
        refusal = InvalidInput(*problems[:MOST_TOLD], more=refusal.more + len(problems) - MOST_TOLD)
    return shortened(refusal.detail(), 500)  # the caller's own file: its keys are named


def _joined(others: dict, answer: dict, reserved: frozenset[str]) -> dict:
    """An answer, after the columns that the model does not know. Those named like a part of an
    answer are under INPUT.
    """
    clashing = others.keys() & reserved | others.keys() & answer.keys()
    if not clashing:
        return {**others, **answer}
    kept = {name: value for name, value in others.items() if name not in clashing}
    return {
        **kept,
        INPUT: {name: value for name, value in others.items() if name in clashing},
        **answer,
    }


def _scored(
    rows: list[dict], predict: Callable, many: str, again: bool = True
) -> list[dict | InvalidInput]:
    """An answer or a refusal for each row, in time proportional to the rows.

    A batch is refused as a whole, with all bad rows; the others are tried once more. Where predict
    does not name all bad rows at once, each row is tried alone.
    """
    if not rows:
        return []
    try:
        answers = predict({many: rows})["predictions"]
    except InvalidInput as refusal:
        bad = _by_row(refusal, len(rows))
        if len(rows) == 1:
            return [bad.get(0, refusal)]
        if not bad or not again:
            return [answer for row in rows for answer in _scored([row], predict, many)]
        rest = iter(
            _scored(
                [row for at, row in enumerate(rows) if at not in bad], predict, many, again=False
            )
        )
        return [bad[at] if at in bad else next(rest) for at in range(len(rows))]
    if len(answers) != len(rows):
        raise ValueError(f"predict gave {len(answers)} answers for {len(rows)} rows")
    return answers


def _by_row(refusal: InvalidInput, count: int) -> dict[int, InvalidInput]:
    """The refusal of each bad row by its index, with paths that begin in the row; empty if not all
    are known.
    """
    found: dict[int, list] = {}
    if not refusal.groups and not refusal.more:
        for path, reason in refusal.problems:
            if len(path) > 1 and isinstance(path[1], int) and path[1] < count:
                found.setdefault(path[1], []).append((path[2:], reason))
        return {at: InvalidInput(*problems) for at, problems in found.items()}
    masks = [0] * count  # of a row: a bit for each group that it is in
    for place, (_, _, rows) in enumerate(refusal.groups):
        for at in rows:
            masks[at] |= 1 << place
    alike = {
        mask: _of_groups([group for place, group in enumerate(refusal.groups) if mask >> place & 1])
        for mask in set(masks)
    }
    return {at: alike[mask] for at, mask in enumerate(masks) if mask}


def _of_groups(groups: list[Group]) -> InvalidInput:
    """The refusal of a row that is in these groups."""
    problems = [((name,) if name else (), reason) for name, reason, _ in groups[:MOST_TOLD]]
    return InvalidInput(*problems, more=len(groups) - len(problems))


def _alone(row: dict, predict: Callable) -> dict | InvalidInput:
    try:
        return predict(row)
    except InvalidInput as refusal:
        return refusal
