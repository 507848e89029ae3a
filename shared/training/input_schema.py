"""Describe the features of a table by a JSON Schema, and read that schema."""

from __future__ import annotations

import pandas as pd

from shared.serving.tabular import feature_kind
from shared.training.tables import KINDS, MOST_CHARACTERS, date_of

# Distinct texts of a feature. With more they may be names or account numbers: not to be published.
MOST_LISTED = 100
# The kind of a feature in a table, by its kind in the schema.
KIND_IN_TABLE = {
    **{"string": "categories", "text": "texts", "date": "dates", "boolean": "booleans"},
    **dict.fromkeys(("number", "integer"), "numbers"),
}


def input_schema(table: pd.DataFrame, features: dict[str, list[str]]) -> dict:
    """Return the JSON Schema of one row. `x-seen` holds the values that training saw.

    table: the rows of load_table's table that the model is fitted to. A feature may be missing in
    a request if it was missing there. A category with more than MOST_LISTED values has no `x-seen`.
    features: names of columns by KINDS.
    """
    whole = table.attrs["whole"]
    rules_of = {
        "categories": _category,
        "numbers": lambda column: _number(column, column.name in whole),
        "booleans": _boolean,
        "dates": _date,
        "texts": _text,
    }
    properties = {name: rules_of[kind](table[name]) for kind in KINDS for name in features[kind]}
    required = [name for name, rules in properties.items() if "null" not in rules["type"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
    }


def features_of(schema: dict) -> dict[str, list[str]]:
    """Return the names of the features by KINDS, as load_table takes them."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for name, rules in schema["properties"].items():
        found[KIND_IN_TABLE[feature_kind(rules)]].append(name)
    return found


def _type(kind: str, is_missing: pd.Series) -> str | list[str]:
    return [kind, "null"] if is_missing.any() else kind


def _category(column: pd.Series) -> dict:
    listed = [value for value in sorted(set(column)) if value]
    rules = {"type": _type("string", column == "")}
    return rules | {"x-seen": listed} if len(listed) <= MOST_LISTED else rules


def _text(column: pd.Series) -> dict:
    kind = _type("string", column == "")
    note = "the model takes the text in lower case"
    return {"type": kind, "format": "text", "description": note, "maxLength": MOST_CHARACTERS}


def _boolean(column: pd.Series) -> dict:
    seen = sorted({bool(value) for value in column.dropna()})
    return {"type": _type("boolean", column.isna()), "x-seen": seen}


def _date(column: pd.Series) -> dict:
    return {
        "type": _type("string", column.isna()),
        "format": "date",
        "description": "the model takes the days since 1970-01-01",
        "x-seen": [date_of(column.min()), date_of(column.max())],
    }


def _number(column: pd.Series, whole: bool) -> dict:
    known = column.dropna()
    # Through text, because the float32 nearest to 8684.8 is 8684.7998, and the file has 8684.8.
    low, high = float(str(known.min())), float(str(known.max()))
    # Ten times the range that training saw: room for growth, but not for a wrong unit.
    margin = 10 * (high - low)
    limits = {"minimum": 0 if low >= 0 else low - margin, "maximum": high + margin}
    return {
        "type": _type("integer" if whole else "number", column.isna()),
        **{key: int(value) if whole else value for key, value in limits.items()},
        "x-seen": [int(low), int(high)] if whole else [low, high],
    }
