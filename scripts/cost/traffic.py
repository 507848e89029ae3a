"""Traffic patterns: how the requests of a month are spread over the hours of a week."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

HOURS = 730  # of a month, as AWS counts them in its examples
SECONDS = HOURS * 3600
DAY, WEEK = 24, 7 * 24
OFFICE, NIGHT, PEAK = range(8, 18), 2, 12  # hours of a day
OFFICE_SHARE, PEAK_SHARE = 0.95, 0.5  # of the requests


@dataclass(frozen=True)
class Phase:
    """Hours of a month that have the same rate, and the same rate before them.

    hours: how many a month; rate, before: requests per second in them, and in the hour before.
    """

    hours: float
    rate: float
    before: float


def _steady() -> list[float]:
    return [1.0] * WEEK


def _office() -> list[float]:
    busy = [hour // DAY < 5 and hour % DAY in OFFICE for hour in range(WEEK)]
    return [
        OFFICE_SHARE / sum(busy) if at_work else (1 - OFFICE_SHARE) / (WEEK - sum(busy))
        for at_work in busy
    ]


def _spiky() -> list[float]:
    return [
        PEAK_SHARE if hour % DAY == PEAK else (1 - PEAK_SHARE) / (DAY - 1) for hour in range(WEEK)
    ]


def _nightly() -> list[float]:
    return [1.0 if hour % DAY == NIGHT else 0.0 for hour in range(WEEK)]


# Name: the weights of the hours of a week, from Monday at midnight; a description for people.
PATTERNS = {
    "steady": (_steady, "the same rate in every hour"),
    "office": (_office, "95% from Monday to Friday, 8 to 18, the rest at other times"),
    "spiky": (_spiky, "half of each day's requests in one hour"),
    "nightly": (_nightly, "all of each day's requests in one hour"),
}


def rates(pattern: str, requests: float) -> list[float]:
    """Return the requests per second in each of the 168 hours of a week."""
    weights = PATTERNS[pattern][0]()
    seconds = SECONDS / WEEK  # that an hour of the week lasts in a month
    return [requests * weight / sum(weights) / seconds for weight in weights]


def phases(pattern: str, requests: float) -> list[Phase]:
    """Return the phases of a month. requests: in the month."""
    found = rates(pattern, requests)
    counts = Counter((found[hour], found[hour - 1]) for hour in range(WEEK))
    return [Phase(count * HOURS / WEEK, *pair) for pair, count in counts.items()]


def peak(pattern: str, requests: float) -> float:
    """Return the requests per second in the busiest hour."""
    return max(rates(pattern, requests))
