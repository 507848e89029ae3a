"""Read a table of named features, and check it."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from shared.errors import UserError
from shared.serving.values import days_of

DOWNLOAD_TIMEOUT = 30  # seconds without a byte
OUTPUTS = ("probabilities", "prediction")  # of a classifier, of a regression
MOST_CHARACTERS = 10_000  # of a text: a request of a few megabytes must not fill the memory
# The kinds of features. Each function returns the float32 of a value in the file, NaN for a wrong
# one. Categories and texts are text for the model too.
NUMERIC: dict[str, Callable[[pd.Series], pd.Series]] = {
    "numbers": lambda column: pd.to_numeric(column, errors="coerce"),
    "booleans": lambda column: column.str.strip().str.lower().map({"true": 1.0, "false": 0.0}),
    "dates": lambda column: column.map(days_of),
}
KINDS = ("categories", *NUMERIC, "texts")
WORDS = {
    "numbers": "a number",
    "booleans": "true or false",
    "dates": "a date such as 2024-05-31",
}


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
    source: str, features: dict[str, list[str]], target: str, labels: list[str] | None
) -> tuple[pd.DataFrame, str]:
    """Read a CSV file. Returns a table that is ready for training, and the sha256 of the file.

    source: path or URL; features: names of columns by KINDS; target: the column to predict, whose
    values are labels, or numbers if labels is None. Other columns are left out.
    Texts are lower-cased, as Features does: the words of an ONNX model cannot be in all languages.
    A missing category or text becomes the empty text, another missing value NaN. Numbers are
    float32, as in ONNX, truth values 0 and 1, dates their days since 1970-01-01. `attrs["whole"]`
    names the columns of whole numbers: 3 is whole in the file, 3.0 is not.
    Raises UserError with a line for each fault.
    """
    columns = [*(name for kind in KINDS for name in features[kind]), target]
    _check_names(columns, labels)
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
        faults = [
            *(_not_of_kind(table[name], kind) for kind in KINDS for name in features[kind]),
            _not_labels(table[target], labels) if labels else _not_a_target(table[target]),
        ]
    if any(faults):
        raise UserError("\n".join(f"{source}: {fault}" for fault in faults if fault))
    table = table[columns].astype(dict.fromkeys(features["categories"] + features["texts"], object))
    table.attrs["whole"] = [
        name for name in features["numbers"] if table[name].str.fullmatch(r"\s*[+-]?\d+\s*|").all()
    ]
    for kind, numbers_of in NUMERIC.items():
        names = features[kind]
        table[names] = table[names].apply(numbers_of).astype(np.float32)
    for name in features["texts"]:
        table[name] = table[name].str.lower()
    if not labels:
        table[target] = pd.to_numeric(table[target])
    return table, hashlib.sha256(content).hexdigest()


def save_table(table: pd.DataFrame, path: Path, features: dict[str, list[str]]) -> None:
    """Write rows of load_table's table to a CSV file that load_table can read."""
    table = table.copy()
    for name in features["booleans"]:
        table[name] = table[name].map({1.0: "true", 0.0: "false"})
    for name in features["dates"]:
        table[name] = table[name].map(date_of, na_action="ignore")
    table.to_csv(path, index=False)


def date_of(days: float) -> str:
    """Return the date, such as "2024-05-31", so many days after 1970-01-01."""
    return str(np.datetime64(int(days), "D"))


def _check_names(columns: list[str], labels: list[str] | None) -> None:
    """Raise UserError for names of columns and labels that cannot be used.

    columns: the features, and the target last.
    """
    if labels is not None:
        if wrong := [label for label in labels if not isinstance(label, str)]:
            raise UserError(
                f"the label {wrong[0]!r} must be text, as it is in the file: {str(wrong[0])!r}"
            )
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise UserError(
                "there must be two or more different labels, one for each class, and not "
                f"{len(labels)}: {', '.join(labels)}"
            )
    if len(columns) < 2:
        raise UserError("there are no features: name the columns that the model takes")
    if twice := [name for name, times in Counter(columns).items() if times > 1]:
        raise UserError(f"column {twice[0]} is named twice among the features and the target")
    for name in OUTPUTS:
        if name in columns:
            raise UserError(
                f"a column cannot be called {name}, as the model's output is: rename it"
            )


def _not_of_kind(column: pd.Series, kind: str) -> str | None:
    """Return what is wrong with a feature's values in the file."""
    if kind == "texts":
        wrong = column[column.str.len() > MOST_CHARACTERS].str[:40]
        most = f"{MOST_CHARACTERS:,} characters: shorten it"
        return _fault(wrong, f"is the start of a text of more than {most}") if len(wrong) else None
    if kind == "categories":
        return None
    present = column[column.str.strip() != ""]
    if present.empty:
        return f"column {column.name} has no values: leave it out"
    numbers = NUMERIC[kind](present)
    wrong = present[np.isinf(numbers.astype(np.float32)) | numbers.isna()]
    return _fault(wrong, f"is not {WORDS[kind]}") if len(wrong) else None


def _not_labels(column: pd.Series, labels: list[str]) -> str | None:
    wrong = column[~column.isin(labels)]
    if len(wrong):
        return _fault(wrong, f"is not one of {', '.join(labels)}")
    absent = sorted(set(labels) - set(column))
    return f"column {column.name} never has the value {absent[0]!r}" if absent else None


def _not_a_target(column: pd.Series) -> str | None:
    """Return what is wrong with the numbers to predict, of which none may be missing."""
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[np.isinf(numbers) | numbers.isna()]
    return _fault(wrong, "is not a number") if len(wrong) else None


def _fault(wrong: pd.Series, what: str) -> str:
    # Row 0 of the table is line 2 of the file.
    return f"column {wrong.name}, line {wrong.index[0] + 2}: {wrong.iloc[0]!r} {what}" + (
        f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    )
