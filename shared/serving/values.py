"""Check single values of rows, by the rules of their features.

tabular.py imports this module with the first value that needs it, to keep cold starts short.
"""

from __future__ import annotations

from datetime import date

from shared.serving.errors import kind_of, shortened


def check(kind: str, value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a value that is there, and else the warning about it, if any.

    kind: as feature_kind returns it; rules: the entry in `properties` of the input schema.
    """
    return CHECKS.get(kind, _number)(value, rules)


def days_of(value: object) -> float:
    """Return the days from 1970-01-01 to a date such as "2024-05-31", NaN for any other value."""
    if type(value) is str and len(value) == 10 and value[4] == value[7] == "-":
        try:
            return float(date.fromisoformat(value).toordinal() - 719_163)
        except ValueError:
            pass
    return float("nan")


def is_text(value: object) -> bool:
    """Return whether a value is text that UTF-8 can carry: no lone surrogates."""
    try:
        return type(value) is str and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _category(value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a category, and its warning."""
    problem, _ = _text(value, {})
    unseen = "x-seen" in rules and not problem
    return problem, f"{shortened(str(value))!r} was not seen in training" if unseen else None


def _text(value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a text, and no warning."""
    if not isinstance(value, str):
        return f"must be text, not {kind_of(value)}", None
    most = rules.get("maxLength", len(value))
    if len(value) > most:
        return f"must be text of at most {most:,} characters", None
    return None if is_text(value) else "must be text without lone surrogates", None


def _date(value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a date, and its warning."""
    day = days_of(value)
    if day != day:
        what = "other text" if isinstance(value, str) else kind_of(value)
        return f"must be a date such as 2024-05-31, not {what}", None
    low, high = rules["x-seen"]
    return None, f"{value} is outside of {low} to {high}, which training saw"


def _boolean(value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a truth value, and its warning."""
    if not isinstance(value, bool):
        return f"must be true or false, not {kind_of(value)}", None
    return None, f"{str(value).lower()} was not seen in training"


def _number(value: object, rules: dict) -> tuple[str | None, str | None]:
    """Return the problem of a number, and its warning."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value - value != 0:
        return f"must be a number, not {kind_of(value)}", None
    if "integer" in rules["type"] and value != value // 1:
        return "must be a whole number", None
    if not rules["minimum"] <= value <= rules["maximum"]:
        return f"must be between {rules['minimum']:g} and {rules['maximum']:g}", None
    low, high = rules["x-seen"]
    seen = f"{low:g} to {high:g}, which training saw"
    return None, None if low <= value <= high else f"{value:g} is outside of {seen}"


CHECKS = {"string": _category, "text": _text, "date": _date, "boolean": _boolean}
