"""Parse lines of CSV or JSON lines into rows. Each line is one row, judged alone: a bad one costs
no other.

A quoted CSV value with a line break in it is refused, since a file could not be cut at line ends
otherwise.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence

from shared.serving.errors import InvalidInput, kind_of
from shared.serving.sources.byte_ranges import LONGEST_LINE
from shared.serving.sources.http_events import parsed

Row = tuple[dict, dict]  # the model's features, and the columns that it does not know
Line = Row | InvalidInput | None  # a row, or why it is none; None for a blank line

CSV_PROBLEMS = {  # by a part of csv's own message
    "unexpected end": (
        "has a quoted value that does not end on its line: write each row on one line"
    ),
    "field larger": "has a value of more than 131,072 characters",
    "new-line character": "has a carriage return in it: end lines with LF or CRLF",
}
NOT_TEXT = InvalidInput(((), "is not UTF-8 text"))
encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def reader_of(
    key: str, first_line: Callable[[], bytes], input_schema: dict | None
) -> Callable[[list], list[Line]]:
    """A function that parses lines, as lines_of gives them, for a file of this name.

    first_line: gives the file's; input_schema: of one row, None for a model whose requests are not
        rows.
    Raises InvalidInput for a name that is neither .csv nor .jsonl, and for a header without the
    model's features.
    """
    if key.lower().endswith(".jsonl"):
        features = set(input_schema["properties"]) if input_schema else None
        return lambda lines: _each(lines, lambda line: json_row(line, features))
    if not key.lower().endswith(".csv"):
        raise InvalidInput(((), "must be a .csv or .jsonl file"))
    if input_schema is None:
        raise InvalidInput(
            (
                (),
                "must be a .jsonl file, with one request on each line: this model does not take "
                "rows",
            )
        )
    [header] = lines_of(first_line()) or [""]
    if isinstance(header, InvalidInput):
        raise InvalidInput(*((("header",), reason) for _, reason in header.problems))
    return CsvReader(header, input_schema)


def lines_of(block: bytes) -> list[str | InvalidInput]:
    """Lines as text without their ends, LF or CRLF. A line that is not UTF-8 or too long is an
    InvalidInput in its place.
    """
    try:
        if len(block) > LONGEST_LINE:
            raise ValueError
        lines: list = block.decode().split(
            "\n"
        )  # str.splitlines would split at U+2028 and others too
    except ValueError:  # UnicodeDecodeError is one
        lines = [_decoded(line) for line in block.split(b"\n")]
    if block.endswith(b"\n") or not block:
        lines.pop()
    if b"\r" in block:
        lines = [line.removesuffix("\r") if isinstance(line, str) else line for line in lines]
    return lines


def _decoded(line: bytes) -> str | InvalidInput:
    if len(line) > LONGEST_LINE:
        return InvalidInput(((), f"has more than {LONGEST_LINE:,} bytes"))
    try:
        return line.decode()
    except UnicodeDecodeError:
        return NOT_TEXT


def columns_of(header: str, input_schema: dict) -> list[str]:
    """The names in a CSV's first line. Raises InvalidInput where features are missing or a name is
    there twice.
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
    """Parses lines of a CSV file, whose text becomes the types that the input schema asks for."""

    def __init__(self, header: str, input_schema: dict):
        self._names = columns_of(header, input_schema)
        self._types = {
            name: rules.get("type", "string")
            for name, rules in input_schema.get("properties", {}).items()
        }

    def __call__(self, lines: list[str | InvalidInput]) -> list[Line]:
        """A row for each line, in the same order. Columns are converted whole, which costs less
        than value by value.
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
    """The values of each line; None for a blank one. All at once where no line stands out, which is
    the rule.
    """
    try:
        if not any(line.count('"') % 2 for line in lines):  # type: ignore[union-attr]
            table = list(csv.reader(lines, strict=True))  # type: ignore[arg-type]
            if len(table) == len(lines) and all(map(_is_row, table)):
                return table  # type: ignore[return-value]
    except (AttributeError, csv.Error):  # AttributeError for a line that is an InvalidInput already
        pass
    return _each(lines, _values)


def _is_row(values: list[str]) -> bool:
    return len(values) > 1 or any(map(str.strip, values))


def _values(line: str) -> list[str] | InvalidInput | None:
    """The values of one line of CSV; None for a blank one."""
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
    """Columns as rows."""
    return (
        [dict(zip(columns, values)) for values in zip(*columns.values())]
        if columns
        else [{}] * count
    )


def _numbers(column: Sequence[str], fractions: bool) -> list:
    """A column of numbers. fractions: whether whole ones may become floats too."""
    if not "".join(column).strip("+-.0123456789eE"):  # a look at all characters at once
        try:
            return list(map(float if fractions else int, column))
        except ValueError:
            pass
    return [None if (value := number_of(text)) == "" else value for text in column]


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


def _each(lines: list[str | InvalidInput], parse: Callable) -> list:
    """What parse gives for each line. Refusals that read the same are one object: ten thousand
    exceptions take long to keep.
    """
    refused: dict[str, InvalidInput] = {}  # by line
    alike: dict[tuple, InvalidInput] = {}  # by problems
    found = []
    for line in lines:
        if isinstance(line, str):
            row = refused.get(line) or parse(line)
            if type(row) is InvalidInput:
                row = refused[line] = alike.setdefault(row.problems, row)
            found.append(row)
        else:
            found.append(line)
    return found


def json_row(line: str, features: set[str] | None) -> Line:
    """The row of a line of JSON. features: what the model knows; None where each line is a request
    of its own.
    """
    if not line.strip():
        return None
    try:
        row = parsed(line)
        if not isinstance(row, dict):
            raise InvalidInput(((), f"must be an object, not {kind_of(row)}"))
        if features is None or row.keys() <= features:
            return row, {}
        others = {key: row[key] for key in row if key not in features}
        _check_others(others)
    except InvalidInput as refusal:
        return refusal
    return {key: row[key] for key in row if key in features}, others


def _check_others(others: dict) -> None:
    """Raises InvalidInput for values that JSON can spell but a result in UTF-8 cannot carry."""
    problems = []
    for key, value in others.items():
        try:
            encoded({key: value}).encode()
        except UnicodeEncodeError:
            problems.append(((key,), "must be text without lone surrogates"))
        except ValueError:  # 1e999 is read as infinity
            problems.append(((key,), "must not be or have a number beyond the range of float64"))
        except RecursionError:
            problems.append(((key,), "is nested too deeply"))
    if problems:
        raise InvalidInput(*problems)
