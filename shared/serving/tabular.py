"""Validate rows of named features by the model's input schema, and turn them into input columns.

The schema is the JSON Schema of one row. The kind of a feature is its `format`, "text" or "date",
or else its `type`: "string" for a category, "number", "integer" or "boolean". In addition to the
standard keywords, a property has `x-seen`, the values in the training data: the categories, the
truth values, or the lowest and highest number or date. A row outside of it is answered with a
warning; a row outside of `minimum` and `maximum` is refused. A category without `x-seen` takes any
text.
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
        self._kinds = {name: feature_kind(rules) for name, rules in self._rules.items()}
        # The values of each category; None if training saw too many to list.
        self._categories = {
            name: {text: text for text in rules["x-seen"]} if "x-seen" in rules else None
            for name, rules in self._rules.items()
            if self._kinds[name] == "string"
        }
        # The first name twice: with a single name, itemgetter would return no tuple.
        self._cells_of = itemgetter(*self._rules, next(iter(self._rules)))

    def columns_of(self, request: object) -> tuple[dict[str, list], dict[int, list[str]]]:
        """Validate a request, and return its rows as the model's input columns.

        Returns a list with a value for each row, by feature: a date as its days since 1970-01-01, a
        text in lower case. A missing category or text is the empty text, any other missing value
        NaN. Also returns warnings by row index, for the rows that have any. Raises InvalidInput
        that names the offending fields.
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
                problems += self._check(name, values, columns[name], unusual, warnings)
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

    def _compare(self, name: str, given: Sequence) -> tuple[list, list[int]]:
        """Return a column for the model, and the indices of values that have another type, or that
        training did not see.
        """
        kind, rules = self._kinds[name], self._rules[name]
        if kind == "string":
            return self._compare_categories(self._categories[name], given)
        if kind == "text":
            from shared.serving.values import is_text

            most = rules["maxLength"]
            unusual = [at for at, v in enumerate(given) if not is_text(v) or len(v) > most]
            return [v.lower() if type(v) is str else v for v in given], unusual
        if kind == "date":
            from shared.serving.values import days_of

            days = [days_of(value) for value in given]  # NaN for anything else
            low, high = map(days_of, rules["x-seen"])
            return days, [at for at, day in enumerate(days) if not low <= day <= high]
        if kind == "boolean":
            seen = rules["x-seen"]
            return list(given), [
                at for at, v in enumerate(given) if type(v) is not bool or v not in seen
            ]
        low, high = rules["x-seen"]
        types = {int, float} if kind == "number" else {int}
        if types.issuperset(map(type, given)):  # `not <=`, because NaN is unusual too
            return list(given), [at for at, v in enumerate(given) if not low <= v <= high]
        return list(given), list(range(len(given)))

    def _compare_categories(self, known: dict | None, given: Sequence) -> tuple[list, list[int]]:
        """Return a column of categories as _compare does. known: None if they are not listed."""
        if known is None:
            from shared.serving.values import is_text

            return list(given), [at for at, value in enumerate(given) if not is_text(value)]
        try:
            # The schema's own objects: a later look-up compares addresses, not characters.
            return [known[value] for value in given], []
        except (KeyError, TypeError):  # TypeError for a list or an object
            unusual = [at for at, v in enumerate(given) if type(v) is not str or v not in known]
            return list(given), unusual

    def _check(
        self,
        name: str,
        given: Sequence,
        values: list,
        indices: list[int],
        warnings: dict[int, list[str]],
    ) -> list[Group]:
        """Return the problems of single values. Replaces missing ones in the column, and adds to
        warnings.
        """
        from shared.serving.values import check

        kind, rules = self._kinds[name], self._rules[name]
        missing = [at for at in indices if given[at] is None]
        present = [at for at in indices if given[at] is not None]
        problems: list[Group] = []
        if missing and name in self._required:
            problems = [(name, "is missing", array("I", missing))]
        else:
            for at in missing:
                values[at] = "" if kind in ("string", "text") else float("nan")
        bad = []
        for at in present:
            problem, warning = check(kind, given[at], rules)
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


def feature_kind(rules: dict) -> str:
    """Return the kind of a feature: string (a category), text, date, number, integer or boolean.

    rules: its entry in `properties` of the input schema.
    """
    if "format" in rules:
        return rules["format"]
    kinds = rules["type"]
    return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")


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
