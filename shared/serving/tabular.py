"""Rows of named features: checked against the model's own input schema, and turned into its input
columns.

The schema is the JSON Schema of one row. Beside the standard keywords a property has `x-seen`, what
training saw:
the categories of a text feature, the lowest and highest value of a number. A row outside of it is
answered with a
warning; a row outside of `minimum` and `maximum` is refused. A text feature without `x-seen` takes
any text.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from shared.serving.errors import MOST_NAMED, Group, InvalidInput, kind_of, shortened, unknown_keys

MOST_ROWS = 10_000  # in one request


def rows_of(request: object, one: str, many: str) -> tuple[list, Callable[[int], tuple]]:
    """The rows of `{one: {…}}` or `{many: [{…}, …]}`, and a function from a row's index to its path
    in the request.

    Raises InvalidInput for anything else.
    """
    if not isinstance(request, dict):
        raise InvalidInput(((), f"must be an object with {one} or {many}, not {kind_of(request)}"))
    if not request.keys() <= {one, many}:
        raise unknown_keys(request, (one, many))
    if len(request) != 1:
        raise InvalidInput(((), f"must have either {one} or {many}"))
    if one in request:
        return [request[one]], lambda index: (one,)
    rows = request[many]
    if not isinstance(rows, list) or not rows:
        raise InvalidInput(((many,), "must be a list with at least one row"))
    if len(rows) > MOST_ROWS:
        raise InvalidInput(((many,), f"has {len(rows)} rows, more than {MOST_ROWS}"), status=413)
    return rows, lambda index: (many, index)


class Features:
    """The features of a model, as its input schema describes them."""

    def __init__(self, input_schema: dict):
        self._rules = input_schema["properties"]
        self._required = frozenset(input_schema["required"])
        # The categories of each text feature; None where training saw too many to list.
        self._texts = {
            name: {text: text for text in rules["x-seen"]} if "x-seen" in rules else None
            for name, rules in self._rules.items()
            if _is_text(rules)
        }
        # The first name once more, for with a single one there would be no tuple.
        self._cells_of = itemgetter(*self._rules, next(iter(self._rules)))

    def read(
        self, rows: list, path_of: Callable[[int], tuple]
    ) -> tuple[dict[str, list], dict[int, list[str]]]:
        """Rows as the model's inputs: a missing number is NaN there, a missing category the empty
        text.

        rows, path_of: as rows_of gives them.
        Returns a flat list of len(rows) values for each feature, and the warnings by index of the
        rows that have any.
        Raises InvalidInput that names the offending fields.
        """
        non_objects = [at for at, row in enumerate(rows) if type(row) is not dict]
        if non_objects:
            raise _refusal(
                _groups(
                    None,
                    ((at, f"must be an object, not {kind_of(rows[at])}") for at in non_objects),
                ),
                path_of,
            )
        problems: list[Group] = []
        warnings: dict[int, list[str]] = {}
        found, complete = self._columns(rows)
        columns: dict[str, list] = {}
        for name, values in found.items():
            # Bulk requests are nearly always clean, and a look at a whole column costs far less
            # than one at each value.
            columns[name], unusual = self._compared(name, values)
            if unusual:
                problems += self._checked(name, columns[name], unusual, warnings)
        if problems:
            raise _refusal(problems, path_of)
        if not complete or max(map(len, rows)) > len(self._rules):
            for at, row in enumerate(rows):
                for name in sorted(row.keys() - self._rules.keys())[: MOST_NAMED + 1]:
                    _add(
                        warnings,
                        at,
                        f"{shortened(name)} is not a feature of this model and was ignored",
                    )
        return columns, warnings

    def _columns(self, rows: list[dict]) -> tuple[dict[str, Sequence], bool]:
        """The values of each feature, None where a row has none, and whether all rows have all
        features.
        """
        try:
            # Row by row: the values of a row lie together in memory.
            return dict(zip(self._rules, zip(*map(self._cells_of, rows)))), True
        except KeyError:
            return {name: [row.get(name) for row in rows] for name in self._rules}, False

    def _compared(self, name: str, values: Sequence) -> tuple[list, list[int]]:
        """A column as a list, and where its values are not of the right type or not within what
        training saw.
        """
        if name in self._texts:
            known = self._texts[name]
            if known is None:
                return list(values), [
                    at
                    for at, value in enumerate(values)
                    if type(value) is not str or not _is_unicode(value)
                ]
            try:
                # As the schema's own objects: what then looks them up again compares addresses, not
                # letters.
                return [known[value] for value in values], []
            except (KeyError, TypeError):  # TypeError for a list or an object
                return list(values), [
                    at
                    for at, value in enumerate(values)
                    if type(value) is not str or value not in known
                ]
        low, high = self._rules[name]["x-seen"]
        types = {int, float} if "number" in self._rules[name]["type"] else {int}
        if types.issuperset(map(type, values)):
            return list(values), [
                at for at, value in enumerate(values) if not low <= value <= high
            ]  # NaN is not
        return list(values), list(range(len(values)))

    def _checked(
        self, name: str, values: list, places: list[int], warnings: dict[int, list[str]]
    ) -> list[Group]:
        """The problems of a column at some places, one by one. Replaces what is missing, and adds
        to the warnings.
        """
        rules, text = self._rules[name], name in self._texts
        missing = [at for at in places if values[at] is None]
        present = (
            [at for at in places if values[at] is not None] if len(missing) < len(places) else []
        )
        if missing and name in self._required:
            problems: list[Group] = [(name, "is missing", array("I", missing))]
        else:
            problems = []
            for at in missing:
                values[at] = "" if text else float("nan")
        bad = []
        for at in present:
            problem, warning = (
                _text(values[at], "x-seen" in rules) if text else _number(values[at], rules)
            )
            if problem:
                bad.append((at, problem))
            elif warning:
                _add(warnings, at, f"{name} {warning}")
        return problems + _groups(name, bad)


def _text(value: object, listed: bool) -> tuple[str | None, str | None]:
    if not isinstance(value, str):
        return f"must be text, not {kind_of(value)}", None
    if not _is_unicode(value):
        return "must be text without lone surrogates", None
    return None, f"{shortened(value)!r} was not seen in training" if listed else None


def _number(value: object, rules: dict) -> tuple[str | None, str | None]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value - value != 0:
        return f"must be a number, not {kind_of(value)}", None
    if "integer" in rules["type"] and value != value // 1:
        return "must be a whole number", None
    if not rules["minimum"] <= value <= rules["maximum"]:
        return f"must be between {rules['minimum']:g} and {rules['maximum']:g}", None
    low, high = rules["x-seen"]
    return (
        None,
        None
        if low <= value <= high
        else f"{value:g} is outside of {low:g} to {high:g}, which training saw",
    )


def _is_text(rules: dict) -> bool:
    return "string" in rules["type"]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _add(warnings: dict[int, list[str]], at: int, warning: str) -> None:
    """Adds a warning to those of a row. The last place of a full list says that more were left
    out.
    """
    messages = warnings.setdefault(at, [])
    if len(messages) < MOST_NAMED:
        messages.append(warning)
    elif len(messages) == MOST_NAMED:
        messages.append(f"only the first {MOST_NAMED} warnings are given")


def _groups(name: str | None, problems: Iterable[tuple[int, str]]) -> list[Group]:
    """Problems of one feature, (index of the row, reason) each, by their reasons: there are few
    different ones.
    """
    found: dict[str, array] = {}
    for at, reason in problems:
        found.setdefault(reason, array("I")).append(at)
    return [(name, reason, rows) for reason, rows in found.items()]


def _refusal(groups: list[Group], path_of: Callable[[int], tuple]) -> InvalidInput:
    """The refusal that names the first problems, by row and then by feature."""
    first = [(at, place) for place, (_, _, rows) in enumerate(groups) for at in rows[:MOST_NAMED]]
    named = [(at, *groups[place][:2]) for at, place in sorted(first)[:MOST_NAMED]]
    problems = [(path_of(at) + ((name,) if name else ()), reason) for at, name, reason in named]
    return InvalidInput(
        *problems, more=sum(len(rows) for _, _, rows in groups) - len(problems), groups=groups
    )
