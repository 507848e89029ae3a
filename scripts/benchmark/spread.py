"""Medians, percentiles and the spread of a few measurements."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, 0 to 1, with straight lines between the
    values as numpy draws them.
    """
    if not values:
        raise ValueError("there are no values")
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def summary(values: Sequence[float]) -> dict[str, float]:
    """The median, the quartiles as `low` and `high`, and how many values there were."""
    low, middle, high = (round(percentile(values, share), 4) for share in (0.25, 0.5, 0.75))
    return {"median": middle, "low": low, "high": high, "n": len(values)}


def largest_difference(one: object, other: object) -> float:
    """The largest difference between the numbers of two JSON values; infinite where they differ in
    anything else.
    """
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((largest_difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max((largest_difference(a, b) for a, b in zip(one, other)), default=0.0)
    if type(one) is type(other) is float:
        difference = abs(one - other)
        return difference if difference == difference else float("inf")
    return 0.0 if one == other else float("inf")
