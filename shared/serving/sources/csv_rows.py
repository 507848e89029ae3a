"""Parse lines of CSV into rows, with the types of the model's input schema."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from shared.serving.errors import InvalidInput
from shared.serving.sources.text_lines import Line, parse_each

CSV_PROBLEMS = {  # by a part of csv's own message
    "unexpected end": (
        "has a quoted value that does not end on its line: write each row on one line"
    ),
    "field larger": "has a value of more than 131,072 characters",
    "new-line character": "has a carriage return in it: end lines with LF or CRLF",
}
BOOLEANS = {"true": True, "false": False, "": None}


def columns_of(header: str, input_schema: dict) -> list[str]:
    """Return the names in the first line of a CSV file.

    Raises InvalidInput if features are missing, or a name is there twice.
    """
    values = _values(header.removeprefix("\ufeff"))
    if isinstance(values, InvalidInput):
        raise InvalidInput(*((("header",), reason) for _, reason in values.problems))
    names = [name.strip() for name in values or []]
    missing = [name for name in input_schema.get("required", []) if name not in names]
    if missing:
        raise InvalidInput(
            (("header",), f"lacks {', '.join(missing[:20])}: the first line must name the columns")
        )
    if len(set(names)) < len(names):
        raise InvalidInput((("header",), "names a column twice"))
    return names


class CsvReader:
    """A parser of lines, which converts text to the types of the input schema."""

    def __init__(self, header: str, input_schema: dict):
        self._names = columns_of(header, input_schema)
        self._types = {
            name: rules.get("type", "string")
            for name, rules in input_schema.get("properties", {}).items()
        }

    def __call__(self, lines: list[str | InvalidInput]) -> list[Line]:
        """Return a row for each line, in the same order. Whole columns are converted, which costs
        less than single values.
        """
        table = _table(lines)
        width = len(self._names)
        full = [values for values in table if type(values) is list and len(values) == width]
        features: dict[str, Sequence] = {}
        others: dict[str, Sequence] = {}
        for name, column in zip(self._names, zip(*full) if full else [()] * width):
            if name not in self._types:
                others[name] = column
            elif "string" in self._types[name]:
                features[name] = [text or None for text in column] if "" in column else column
            elif "boolean" in self._types[name]:
                features[name] = [BOOLEANS.get(text.strip().lower(), text) for text in column]
            else:
                features[name] = _numbers(column, "number" in self._types[name])
        rows: list[Line] = list(zip(_dicts(features, len(full)), _dicts(others, len(full))))
        if len(full) == len(lines):
            return rows
        lengths = {len(values) for values in table if type(values) is list}
        odd = {
            length: InvalidInput(((), f"has {length} values for {width} columns"))
            for length in lengths - {width}
        }
        each = iter(rows)
        return [
            (odd.get(len(values)) or next(each)) if isinstance(values, list) else values
            for values in table
        ]


def _table(lines: list[str | InvalidInput]) -> list[list[str] | InvalidInput | None]:
    """Return the values of each line, None for a blank one: all at once if no line is unusual."""
    try:
        if not any(line.count('"') % 2 for line in lines):  # type: ignore[union-attr]
            table = list(csv.reader(lines, strict=True))  # type: ignore[arg-type]
            if len(table) == len(lines) and all(map(_is_row, table)):
                return table  # type: ignore[return-value]
    except (AttributeError, csv.Error):  # AttributeError for a line that is an InvalidInput already
        pass
    return parse_each(lines, _values)


def _is_row(values: list[str]) -> bool:
    return len(values) > 1 or any(map(str.strip, values))


def _values(line: str) -> list[str] | InvalidInput | None:
    """Return the values of one line, None for a blank one."""
    if not line.strip():
        return None
    try:
        [values] = csv.reader([line], strict=True)
    except csv.Error as error:
        reasons = [reason for part, reason in CSV_PROBLEMS.items() if part in str(error)]
        return InvalidInput(((), (reasons or ["is not valid CSV"])[0]))
    if line.count('"') % 2:  # the end of a value that began on a line before
        return InvalidInput(((), "has a quote that does not belong to a pair"))
    return values


def _dicts(columns: dict[str, Sequence], count: int) -> list[dict]:
    """Return columns as rows."""
    if not columns:
        return [{}] * count
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def _numbers(column: Sequence[str], fractions: bool) -> list:
    """Return a column as numbers. fractions: whether whole numbers may become floats too."""
    if not "".join(column).strip("+-.0123456789eE"):  # a look at all characters at once
        try:
            return list(map(float if fractions else int, column))
        except ValueError:
            pass
    return [None if (value := number_of(text)) == "" else value for text in column]


def number_of(text: str) -> float | int | str:
    """Return a number as JSON has it, or else the text unchanged, for the schema to refuse."""
    text = text.strip()
    if not text.strip("+-.0123456789eE"):  # not NaN, inf or 1_000, which Python also reads
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text
