"""Read a table of named features, check it, and describe it by a JSON Schema."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from shared.errors import UserError

DOWNLOAD_TIMEOUT = 30  # seconds without a byte
OUTPUT = "probabilities"
# Distinct texts of a feature. With more they may be names or account numbers: not to be published.
MOST_LISTED = 100


def read_bytes(source: str) -> bytes:
    """Read a file or an http(s) URL. Raises UserError when that fails."""
    try:
        if source.startswith(("http://", "https://")):
            with urllib.request.urlopen(source, timeout=DOWNLOAD_TIMEOUT) as response:  # noqa: S310 - http
                return response.read()
        return Path(source).read_bytes()
    except (OSError, urllib.error.URLError) as error:
        raise UserError(
            f"cannot read {source}: {getattr(error, 'reason', None) or error}"
        ) from None


def load_table(
    source: str, categories: list[str], numbers: list[str], target: str, labels: list[str]
) -> tuple[pd.DataFrame, str]:
    """Read a CSV file. Returns a table that is ready for training, and the sha256 of the file.

    source: path or URL; categories, numbers: names of columns; target: the column to predict,
    whose values are labels. Other columns are left out.
    A missing category becomes the empty text, a missing number NaN. Numbers are float32, as in
    ONNX. `attrs["whole"]` names the columns of whole numbers: 3 is whole in the file, 3.0 is not.
    Raises UserError with a line for each fault, and unless there are two labels.
    """
    _require_two(labels)
    columns = [*categories, *numbers, target]
    if twice := [name for name, times in Counter(columns).items() if times > 1]:
        raise UserError(
            f"column {twice[0]} is named twice among the categories, the numbers and the target"
        )
    if OUTPUT in columns:
        raise UserError(f"a column cannot be called {OUTPUT}, as the model's output is: rename it")
    content = read_bytes(source)
    try:
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        header = pd.read_csv(
            io.BytesIO(content), dtype=str, keep_default_na=False, header=None, nrows=1
        ).iloc[0]
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{source} is not a CSV file: {' '.join(str(error).split())}") from None
    faults: list[str | None] = [
        f"column {name} is missing" for name in columns if name not in table
    ]
    faults += [
        f"column {name} is there {times} times"
        for name in columns
        if (times := int((header == name).sum())) > 1
    ]
    if not len(table):
        faults.append("there are no rows")
    if not faults:
        faults = [_not_numbers(table[name]) for name in numbers] + [
            _not_labels(table[target], labels)
        ]
    if any(faults):
        raise UserError("\n".join(f"{source}: {fault}" for fault in faults if fault))
    table = table[columns].astype(dict.fromkeys(categories, object))
    table.attrs["whole"] = [
        name for name in numbers if table[name].str.fullmatch(r"\s*[+-]?\d+\s*|").all()
    ]
    table[numbers] = table[numbers].apply(pd.to_numeric).astype(np.float32)
    return table, hashlib.sha256(content).hexdigest()


def input_schema(table: pd.DataFrame, categories: list[str], numbers: list[str]) -> dict:
    """Return the JSON Schema of one row. `x-seen` holds the values that training saw.

    table: the rows of load_table's table that the model is fitted to. A feature may be missing in
    a request if it was missing there. A feature with more than MOST_LISTED texts has no `x-seen`.
    """
    whole = table.attrs["whole"]
    properties = {name: _category(table[name]) for name in categories}
    properties |= {name: _number(table[name], name in whole) for name in numbers}
    required = [name for name, rules in properties.items() if "null" not in rules["type"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _require_two(labels: list[str]) -> None:
    """Raise UserError unless the labels are two texts: the threshold separates two classes."""
    if wrong := [label for label in labels if not isinstance(label, str)]:
        raise UserError(
            f"the label {wrong[0]!r} must be text, as it is in the file: {str(wrong[0])!r}"
        )
    if len(labels) != 2 or len(set(labels)) != 2:
        raise UserError(
            "there must be two different labels, of class 0 and of class 1, and not "
            f"{len(labels)}: {', '.join(labels)}"
        )


def _not_numbers(column: pd.Series) -> str | None:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[np.isinf(numbers) | (numbers.isna() & (column != ""))]
    return _fault(wrong, "is not a number") if len(wrong) else None


def _not_labels(column: pd.Series, labels: list[str]) -> str | None:
    wrong = column[~column.isin(labels)]
    if len(wrong):
        return _fault(wrong, f"is not one of {', '.join(labels)}")
    absent = sorted(set(labels) - set(column))
    return f"column {column.name} never has the value {absent[0]!r}" if absent else None


def _fault(wrong: pd.Series, what: str) -> str:
    # Row 0 of the table is line 2 of the file.
    return f"column {wrong.name}, line {wrong.index[0] + 2}: {wrong.iloc[0]!r} {what}" + (
        f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    )


def _category(column: pd.Series) -> dict:
    seen = sorted(set(column))
    listed = [value for value in seen if value]
    rules = {"type": ["string", "null"] if "" in seen else "string"}
    return rules | {"x-seen": listed} if len(listed) <= MOST_LISTED else rules


def _number(column: pd.Series, whole: bool) -> dict:
    known = column.dropna()
    # Through text, because the float32 nearest to 8684.8 is 8684.7998, and the file has 8684.8.
    low, high = float(str(known.min())), float(str(known.max()))
    kind = "integer" if whole else "number"
    # Ten times the range that training saw: room for growth, but not for a wrong unit.
    margin = 10 * (high - low)
    limits = {"minimum": 0 if low >= 0 else low - margin, "maximum": high + margin}
    return {
        "type": [kind, "null"] if column.isna().any() else kind,
        **{key: int(value) if whole else value for key, value in limits.items()},
        "x-seen": [int(low), int(high)] if whole else [low, high],
    }
