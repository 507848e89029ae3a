"""Score many rows in large batches; a row that is refused does not take the others with it."""

from __future__ import annotations

from collections.abc import Iterator

from shared.serving import TYPE_CHECKING, logs
from shared.serving.errors import Group, InvalidInput, shortened
from shared.serving.sources.row_files import encode
from shared.serving.sources.text_lines import Line

if TYPE_CHECKING:
    from shared.serving.app import Service

BATCH = 10_000  # rows in one call of predict
MOST_PROBLEMS = 5  # named for one row: the text must not outgrow the rows
INPUT = "input"  # the key for the columns of a row that are named like a part of an answer


def score(
    rows: list[Line], service: Service, reserved: frozenset[str]
) -> list[tuple[str, str] | None]:
    """Return (response as JSON text, reason of its refusal or "") for each line; None for a blank
    line.

    rows: at most BATCH, as a reader of row_files.py returns them.
    reserved: as reserved_names returns them.
    """
    requests = [row[0] for row in rows if type(row) is tuple]
    score_all = _score_batch if service.batch_key else _each
    answers = iter(score_all(requests, service))
    # By their problems, which many rows share: each is put into words once.
    refused: dict[tuple, tuple[str, str]] = {}
    result: list[tuple[str, str] | None] = []
    for row in rows:
        if row is None:
            result.append(None)
            continue
        answer, others = (row, {}) if isinstance(row, InvalidInput) else (next(answers), row[1])
        if isinstance(answer, dict):
            try:
                result.append((encode(_join(others, answer, reserved) if others else answer), ""))
                continue
            except ValueError:
                answer = InvalidInput(((), "has a response that is not a number"))
        same = answer.problems, answer.more
        if same not in refused:
            problem = message(answer)
            refused[same] = encode({"error": problem}), problem
        text, problem = refused[same]
        if others:
            text = encode(_join(others, {"error": problem}, reserved))
        result.append((text, problem))
    return result


def reserved_names(service: Service) -> frozenset[str]:
    """Return the names that a column of the input must not take in a result: those of a response,
    found by scoring an example of the schema.
    """
    names = {"error", "warnings", INPUT}
    if not service.batch_key:
        return frozenset(names)
    example = {
        name: (rules.get("x-seen") or [rules.get("minimum", "")])[0]
        for name, rules in service.metadata["input_schema"]["properties"].items()
    }
    with logs.unlogged():
        [answer] = _score_batch([example], service)
    return frozenset(names.union(answer if isinstance(answer, dict) else ()))


def message(refusal: InvalidInput) -> str:
    """Return a refusal as one line that is short enough for a table."""
    problems = refusal.problems
    if len(problems) > MOST_PROBLEMS:
        more = refusal.more + len(problems) - MOST_PROBLEMS
        refusal = InvalidInput(*problems[:MOST_PROBLEMS], more=more)
    return shortened(refusal.detail(), 500)  # the caller's own file: its keys are named


def _join(others: dict, answer: dict, reserved: frozenset[str]) -> dict:
    """Return the columns that the model does not know, and the answer. Columns named like a part
    of an answer are under INPUT.
    """
    clashing = others.keys() & reserved | others.keys() & answer.keys()
    if not clashing:
        return {**others, **answer}
    kept = {name: value for name, value in others.items() if name not in clashing}
    moved = {name: value for name, value in others.items() if name in clashing}
    return {**kept, INPUT: moved, **answer}


def _score_batch(
    rows: list[dict], service: Service, again: bool = True
) -> list[dict | InvalidInput]:
    """Return an answer or a refusal for each row, in time proportional to the rows.

    A batch is refused as a whole, with all bad rows; the others are tried once more. If predict
    does not name all bad rows at once, each row is tried alone.
    """
    if not rows:
        return []
    try:
        answers = service.predict({service.batch_key: rows})["predictions"]
    except InvalidInput as refusal:
        bad = _by_row(refusal, len(rows))
        if len(rows) == 1:
            return [bad.get(0, refusal)]
        if not bad or not again:
            return [answer for row in rows for answer in _score_batch([row], service)]
        good = [row for at, row in enumerate(rows) if at not in bad]
        rest = iter(_score_batch(good, service, again=False))
        return [bad[at] if at in bad else next(rest) for at in range(len(rows))]
    if len(answers) != len(rows):
        raise ValueError(f"predict gave {len(answers)} answers for {len(rows)} rows")
    return answers


def _by_row(refusal: InvalidInput, count: int) -> dict[int, InvalidInput]:
    """Return the refusal of each bad row by index, with paths inside the row; none if not all
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
    """Return the refusal of a row that is in these groups."""
    problems = [((name,) if name else (), reason) for name, reason, _ in groups[:MOST_PROBLEMS]]
    return InvalidInput(*problems, more=len(groups) - len(problems))


def _each(rows: list[dict], service: Service) -> Iterator[dict | InvalidInput]:
    """Yield an answer or a refusal for each row that is a request of its own."""
    for row in rows:
        try:
            yield service.predict(row)
        except InvalidInput as refusal:
            yield refusal
