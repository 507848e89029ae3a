"""Validate rows of named features by the model's input schema, and turn them into input columns.

The schema is the JSON Schema of one row. In addition to the standard keywords, a property has
`x-seen`, the values in the training data: the categories of a text feature, the lowest and highest
value of a number. A row outside of it is answered with a warning; a row outside of `minimum` and
`maximum` is refused. A text feature without `x-seen` takes any text.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from operator import itemgetter

from shared.serving.errors import (
    MOST_NAMED,
    Group,
    InvalidInput,
    kind_of,
    shortened,
    unknown_keys,
)

MOST_ROWS = 10_000  # in one request


class Features:
    """The features of a model, and its requests: {row_key: {…}} or {batch_key: [{…}, …]}.

    input_schema: of one row, from the model's metadata.
    row_key, batch_key: the keys of one row and of a list of rows in a request.
    """

    def __init__(self, input_schema: dict, *, row_key: str, batch_key: str):
        self.row_key, self.batch_key = row_key, batch_key
        self._rules = input_schema["properties"]
        self._required = frozenset(input_schema["required"])
        # The categories of each text feature; None if training saw too many to list.
        self._texts = {
            name: {text: text for text in rules["x-seen"]} if "x-seen" in rules else None
            for name, rules in self._rules.items()
            if "string" in rules["type"]
        }
        # The first name twice: with a single name, itemgetter would return no tuple.
        self._cells_of = itemgetter(*self._rules, next(iter(self._rules)))

    def columns_of(self, request: object) -> tuple[dict[str, list], dict[int, list[str]]]:
        """Validate a request, and return its rows as the model's input columns.

        Returns a list with a value for each row, by feature: a missing number is NaN, a missing
        category the empty text. Also returns warnings by row index, for the rows that have any.
        Raises InvalidInput that names the offending fields.
        """
        rows = self._rows(request)
        non_objects = [at for at, row in enumerate(rows) if type(row) is not dict]
        if non_objects:
            reasons = ((at, f"must be an object, not {kind_of(rows[at])}") for at in non_objects)
            raise self._refusal(_groups(None, reasons), request)
        problems: list[Group] = []
        warnings: dict[int, list[str]] = {}
        found, is_complete = self._columns(rows)
        columns: dict[str, list] = {}
        for name, values in found.items():
            # Batches are nearly always valid: a look at a whole column costs far less than one at
            # each value.
            columns[name], unusual = self._compare(name, values)
            if unusual:
                problems += self._check(name, columns[name], unusual, warnings)
        if problems:
            raise self._refusal(problems, request)
        if not is_complete or max(map(len, rows)) > len(self._rules):
            self._warn_of_unknown(rows, warnings)
        return columns, warnings

    def _rows(self, request: object) -> list:
        """Return the rows of a request, each of any type. Raises InvalidInput for its form."""
        one, many = self.row_key, self.batch_key
        if not isinstance(request, dict):
            reason = f"must be an object with {one} or {many}, not {kind_of(request)}"
            raise InvalidInput(((), reason))
        if not request.keys() <= {one, many}:
            raise unknown_keys(request, (one, many))
        if len(request) != 1:
            raise InvalidInput(((), f"must have either {one} or {many}"))
        if one in request:
            return [request[one]]
        rows = request[many]
        if not isinstance(rows, list) or not rows:
            raise InvalidInput(((many,), "must be a list with at least one row"))
        if len(rows) > MOST_ROWS:
            reason = f"has {len(rows)} rows, more than {MOST_ROWS}"
            raise InvalidInput(((many,), reason), status=413)
        return rows

    def _columns(self, rows: list[dict]) -> tuple[dict[str, Sequence], bool]:
        """Return the values by feature, None for a missing one, and whether none is missing."""
        try:
            # Row by row: the values of a row are close in memory.
            return dict(zip(self._rules, zip(*map(self._cells_of, rows)))), True
        except KeyError:
            return {name: [row.get(name) for row in rows] for name in self._rules}, False

    def _compare(self, name: str, values: Sequence) -> tuple[list, list[int]]:
        """Return a column as a list, and the indices of values that have another type, or that
        training did not see.
        """
        if name in self._texts:
            known = self._texts[name]
            if known is None:
                return list(values), [at for at, value in enumerate(values) if not _is_text(value)]
            try:
                # The schema's own objects: a later look-up compares addresses, not characters.
                return [known[value] for value in values], []
            except (KeyError, TypeError):  # TypeError for a list or an object
                unusual = [
                    at for at, v in enumerate(values) if type(v) is not str or v not in known
                ]
                return list(values), unusual
        low, high = self._rules[name]["x-seen"]
        types = {int, float} if "number" in self._rules[name]["type"] else {int}
        if types.issuperset(map(type, values)):  # `not <=`, because NaN is unusual too
            return list(values), [at for at, v in enumerate(values) if not low <= v <= high]
        return list(values), list(range(len(values)))

    def _check(
        self, name: str, values: list, indices: list[int], warnings: dict[int, list[str]]
    ) -> list[Group]:
        """Return the problems of single values. Replaces missing values, and adds to warnings."""
        rules, is_text = self._rules[name], name in self._texts
        missing = [at for at in indices if values[at] is None]
        present = [at for at in indices if values[at] is not None]
        problems: list[Group] = []
        if missing and name in self._required:
            problems = [(name, "is missing", array("I", missing))]
        else:
            for at in missing:
                values[at] = "" if is_text else float("nan")
        bad = []
        for at in present:
            value = values[at]
            found = _text(value, "x-seen" in rules) if is_text else _number(value, rules)
            problem, warning = found
            if problem:
                bad.append((at, problem))
            elif warning:
                _add(warnings, at, f"{name} {warning}")
        return problems + _groups(name, bad)

    def _warn_of_unknown(self, rows: list[dict], warnings: dict[int, list[str]]) -> None:
        """Add a warning for each key of a row that is not a feature."""
        for at, row in enumerate(rows):
            for name in sorted(row.keys() - self._rules.keys())[: MOST_NAMED + 1]:
                reason = "is not a feature of this model and was ignored"
                _add(warnings, at, f"{shortened(name)} {reason}")

    def _refusal(self, groups: list[Group], request: object) -> InvalidInput:
        """Return the refusal that names the first problems, by row and then by feature."""
        is_one = self.row_key in request  # type: ignore[operator]
        first = [(at, place) for place, group in enumerate(groups) for at in group[2][:MOST_NAMED]]
        problems: list[tuple] = []
        for at, place in sorted(first)[:MOST_NAMED]:
            name, reason, _ = groups[place]
            path: tuple = (self.row_key,) if is_one else (self.batch_key, at)
            problems.append(((*path, name) if name else path, reason))
        more = sum(len(rows) for _, _, rows in groups) - len(problems)
        return InvalidInput(*problems, more=more, groups=groups)


def _text(value: object, is_listed: bool) -> tuple[str | None, str | None]:
    """Return the problem of a text value, and its warning."""
    if not isinstance(value, str):
        return f"must be text, not {kind_of(value)}", None
    if not _is_text(value):
        return "must be text without lone surrogates", None
    return None, f"{shortened(value)!r} was not seen in training" if is_listed else None


def _number(value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a number, and its warning."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value - value != 0:
        return f"must be a number, not {kind_of(value)}", None
    if "integer" in rules["type"] and value != value // 1:
        return "must be a whole number", None
    if not rules["minimum"] <= value <= rules["maximum"]:
        return f"must be between {rules['minimum']:g} and {rules['maximum']:g}", None
    low, high = rules["x-seen"]
    seen = f"{low:g} to {high:g}, which training saw"
    return None, None if low <= value <= high else f"{value:g} is outside of {seen}"


def _is_text(value: object) -> bool:
    """Return whether a value is text that UTF-8 can carry: no lone surrogates."""
    try:
        return type(value) is str and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _add(warnings: dict[int, list[str]], at: int, warning: str) -> None:
    """Add a warning to those of a row. A full list ends with a note that more are left out."""
    messages = warnings.setdefault(at, [])
    if len(messages) < MOST_NAMED:
        messages.append(warning)
    elif len(messages) == MOST_NAMED:
        messages.append(f"only the first {MOST_NAMED} warnings are given")


def _groups(name: str | None, problems: Iterable[tuple[int, str]]) -> list[Group]:
    """Group the problems of one feature, (row index, reason) each, by their few reasons."""
    found: dict[str, array] = {}
    for at, reason in problems:
        found.setdefault(reason, array("I")).append(at)
    return [(name, reason, rows) for reason, rows in found.items()]
