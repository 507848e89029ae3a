"""Parse a file of rows, CSV or JSON lines. Each line is one row.

A quoted CSV value with a line break is refused: otherwise a file could not be cut at line ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from shared.serving.errors import InvalidInput, kind_of
from shared.serving.sources import json_text
from shared.serving.sources.csv_rows import CsvReader
from shared.serving.sources.text_lines import Line, lines_of, parse_each

encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def reader_of(
    key: str, first_line: Callable[[], bytes], input_schema: dict | None
) -> Callable[[list], list[Line]]:
    """Return a function that parses the lines of a file with this name, as lines_of returns them.

    first_line: returns the file's first line.
    input_schema: of one row; None for a model whose requests are not rows.
    Raises InvalidInput for a name that is neither .csv nor .jsonl, and for a header that lacks
    features of the model.
    """
    if key.lower().endswith(".jsonl"):
        features = set(input_schema["properties"]) if input_schema else None
        return lambda lines: parse_each(lines, lambda line: json_row(line, features))
    if not key.lower().endswith(".csv"):
        raise InvalidInput(((), "must be a .csv or .jsonl file"))
    if input_schema is None:
        reason = "must be a .jsonl file, with one request on each line: this model takes no rows"
        raise InvalidInput(((), reason))
    [header] = lines_of(first_line()) or [""]
    if isinstance(header, InvalidInput):
        raise InvalidInput(*((("header",), reason) for _, reason in header.problems))
    return CsvReader(header, input_schema)


def json_row(line: str, features: set[str] | None) -> Line:
    """Parse a line of JSON.

    features: the names that the model knows; None if each line is a request of its own.
    """
    if not line.strip():
        return None
    try:
        row = json_text.parse(line)
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
    """Raise InvalidInput for values that JSON can write, but a result in UTF-8 cannot carry."""
    problems = []
    for key, value in others.items():
        try:
            encode({key: value}).encode()
        except UnicodeEncodeError:
            problems.append(((key,), "must be text without lone surrogates"))
        except ValueError:  # 1e999 is read as infinity
            problems.append(((key,), "must not be or have a number beyond the range of float64"))
        except RecursionError:
            problems.append(((key,), "is nested too deeply"))
    if problems:
        raise InvalidInput(*problems)
