"""Quantiles of measurements, and the difference of two answers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def quantiles(values: Sequence[float], parts: int) -> list[float]:
    """Return the values that divide measurements into equal parts, with linear interpolation.

    A single measurement stands for all of them. Raises StatisticsError without any.
    """
    if len(values) == 1:  # which statistics.quantiles takes since Python 3.13
        return [values[0]] * (parts - 1)
    return statistics.quantiles(values, n=parts, method="inclusive")


def percentiles(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return the 50th, 95th and 99th percentile of times in ms, under `<name>_p50_ms` and so on."""
    cuts = quantiles(values, 100)
    return {f"{name}_p{share}_ms": cuts[share - 1] for share in (50, 95, 99)}


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return the median, the quartiles as `low` and `high`, and the number of values as `n`."""
    low, median, high = (round(cut, 4) for cut in quantiles(values, 4))
    return {"median": median, "low": low, "high": high, "n": len(values)}


def largest_difference(one: object, other: object) -> float:
    """Return the largest difference of two numbers at the same place in two JSON values.

    It is relative for numbers above 1, and infinite when the values differ in anything else.
    """
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((largest_difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max((largest_difference(a, b) for a, b in zip(one, other)), default=0.0)
    if type(one) is type(other) is float:
        difference = abs(one - other) / max(1, abs(one))
        return difference if difference == difference else float("inf")
    return 0.0 if one == other else float("inf")
