"""Rows on which a converted model is most likely to differ from the original."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shared.serving.tabular import feature_kind
from shared.training.tables import MOST_CHARACTERS

UNKNOWN = "never seen in training"
# For the split into words: accents, both composed and not, other scripts, emoji, joined and
# one-character words, digits, capitals whose small letter is longer, and the longest text.
TEXTS = [
    "",
    " \t ",
    "?!… — ()",
    "Crème brûlée à l'œuf, cre\u0300me bru\u0302le\u0301e",
    "İSTANBUL ŞIŞLI straße STRASSE ǅ ﬁne ΟΔΟΣ",
    "日本語の文章です。 中文 한국어 ไทย हिन्दी العربية",
    "👍 great👍🏽value 👨\u200d👩\u200d👧 x",
    "don't e-mail a_b __ 3.14 1st ٣٤ ½ x\u00a0y\u200bz",
    "word " * (MOST_CHARACTERS // 5),
    "w" * MOST_CHARACTERS,
]


def is_text(rules: dict) -> bool:
    """Return whether the model takes a feature as text. rules: its entry in `properties` of the
    input schema.
    """
    return feature_kind(rules) in ("string", "text")


def with_hard_cases(rows: pd.DataFrame, features: dict[str, dict]) -> pd.DataFrame:
    """Add to some rows one row for each feature, with an unknown category or a missing number.

    For a text, a row for each of TEXTS, alone and after a text of the rows. The last row has no
    value at all. features: `properties` of the model's input schema.
    """
    missing: dict[str, object] = {
        name: "" if is_text(rules) else np.nan for name, rules in features.items()
    }
    added = [rows]
    for number, (name, rules) in enumerate(features.items()):
        row = rows.iloc[[number % len(rows)]]
        if feature_kind(rules) == "text":
            own = str(row[name].iloc[0])[: MOST_CHARACTERS // 2]
            cases = [*TEXTS, *(f"{own} {text}" for text in TEXTS[:-2])]
            added += [row.assign(**{name: text.lower()}) for text in cases]
        else:
            added.append(row.assign(**{name: UNKNOWN if is_text(rules) else np.nan}))
    added.append(rows.iloc[[0]].assign(**missing))
    return pd.concat(added, ignore_index=True)
