"""Rows from the lines of a file: CSV, whose text becomes what the input schema asks for, and JSON lines.

One row is one line. A CSV value with a line break in it is refused, since a file could not be cut at line ends otherwise.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

from shared.serving.errors import InvalidInput, kind_of, shortened
from shared.serving.web import parsed

BROKEN = "has a value with a line break in it: write each row on one line"

Row = tuple[int, dict | InvalidInput]  # number of its line, from 1, and the row or why it is none


def reader_of(key: str, header: str, input_schema: dict | None) -> Callable[[list[str], int], Iterator[Row]]:
    """A function that gives the rows of lines, the first of which has the number given, for a file of this name.

    header: the file's first line; input_schema: of one row, None for a model whose requests are not rows.
    Raises InvalidInput for a name that is neither .csv nor .jsonl, and for a header without the model's features.
    """
    if key.lower().endswith(".jsonl"):
        return json_rows
    if not key.lower().endswith(".csv"):
        raise InvalidInput(((), "must be a .csv or .jsonl file"))
    if input_schema is None:
        raise InvalidInput(((), "must be a .jsonl file, with one request on each line: this model does not take rows"))
    names = columns_of(header, input_schema)
    kinds = {name: rules.get("type", "string") for name, rules in input_schema.get("properties", {}).items()}
    return lambda lines, first: csv_rows(lines, first, names, kinds)


def columns_of(header: str, input_schema: dict) -> list[str]:
    """The names in a CSV's first line. Raises InvalidInput where features are missing or a name is there twice."""
    try:
        names = [name.strip() for name in next(csv.reader([header.removeprefix("\ufeff")], strict=True), [])]
    except csv.Error:
        raise InvalidInput((("header",), "is not valid CSV")) from None
    missing = [name for name in input_schema.get("required", []) if name not in names]
    if missing:
        raise InvalidInput((("header",), f"lacks {', '.join(missing[:20])}: the first line must name the columns"))
    if len(set(names)) < len(names):
        raise InvalidInput((("header",), "names a column twice"))
    return names


def csv_rows(lines: list[str], first: int, names: list[str], kinds: dict) -> Iterator[Row]:
    """The rows of CSV lines. Numbers and missing values become such where the column's kind says so."""
    numeric = {name for name in names if name in kinds and "string" not in kinds[name]}
    broken_since = 0  # the line in which a quoted value began that has not ended yet
    for number, line in enumerate(lines, first):
        if broken_since:
            if line.count('"') % 2:
                yield broken_since, InvalidInput(((), BROKEN))
                broken_since = 0
            continue
        if not line.strip():
            continue
        try:
            values = next(csv.reader([line], strict=True))
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                broken_since = number
            else:
                yield number, InvalidInput(((), "is not valid CSV"))
            continue
        if line.count('"') % 2:  # the end of a value that began before this part, perhaps
            yield number, InvalidInput(((), "has a quote that does not belong to a pair"))
            continue
        if len(values) != len(names):
            yield number, InvalidInput(((), f"has {len(values)} values for {len(names)} columns"))
            continue
        row: dict = dict(zip(names, values))
        for name in numeric:
            row[name] = number_of(row[name])
        yield number, {name: value for name, value in row.items() if value != "" or name not in kinds}
    if broken_since:
        yield broken_since, InvalidInput(((), f"{BROKEN} (it goes on beyond the end)"))


def number_of(text: str) -> float | int | str:
    """A number as JSON would have it, or else the text as it is, for the schema to refuse."""
    text = text.strip()
    if not text.strip("+-.0123456789eE"):  # not NaN, inf or 1_000, which Python also reads
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def json_rows(lines: list[str], first: int) -> Iterator[Row]:
    """The rows of JSON lines."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            row = parsed(line.removeprefix("\ufeff") if number == 1 else line)
            if not isinstance(row, dict):
                raise InvalidInput(((), f"must be an object, not {kind_of(row)}"))
        except InvalidInput as refusal:
            yield number, refusal
            continue
        yield number, row


def told(refusal: InvalidInput) -> str:
    """A refusal in one line that is not too long for a table."""
    return shortened(str(refusal), 500)
