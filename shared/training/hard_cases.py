"""Rows on which a converted model is most likely to differ from the original."""

from __future__ import annotations

import numpy as np
import pandas as pd

UNKNOWN = "never seen in training"


def is_text(rules: dict) -> bool:
    """Return whether a feature is text. rules: its entry in `properties` of the model's input
    schema.
    """
    return "string" in rules["type"]


def with_hard_cases(rows: pd.DataFrame, features: dict[str, dict]) -> pd.DataFrame:
    """Add to some rows one row for each feature, with an unknown category or a missing number.

    The last row has no value at all. features: `properties` of the model's input schema.
    """
    missing: dict[str, object] = {
        name: "" if is_text(rules) else np.nan for name, rules in features.items()
    }
    added = [rows]
    for number, (name, rules) in enumerate(features.items()):
        row = rows.iloc[[number % len(rows)]]
        added.append(row.assign(**{name: UNKNOWN if is_text(rules) else np.nan}))
    added.append(rows.iloc[[0]].assign(**missing))
    return pd.concat(added, ignore_index=True)
