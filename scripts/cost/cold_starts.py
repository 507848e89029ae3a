"""Estimate how many requests meet a cold start, and how many execution environments a rate needs.

Requests arrive at random (a Poisson process) with the rate of the hour. An execution environment
runs one request at a time. Lambda takes the idle environment that was used last, and stops one that
was idle for the idle time-out. So a request that raises the number of busy environments from k to
k+1 is warm only if this number fell from k+1 to k within the time-out.

The mean time from 0 to k+1 busy environments is the sum of 1 / (rate * B(j)) for j = 0 to k, with
B(j) Erlang's loss formula for j servers (A. K. Erlang, 1917). While the time-out is much longer
than a request, such rises are rare and so nearly a Poisson process again, with that mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from scripts.cost.traffic import Phase

HOUR = 3600
RARE = 1e-7  # rises in a time-out, below which a level is not counted
LOSS = 0.001  # the share of requests for which no environment may be free, at the peak


def erlang(rate: float, seconds: float) -> Iterator[float]:
    """Yield 1 / B(k) for k = 0, 1, …: B(k) of the requests find k environments all busy."""
    load, inverse, servers = rate * seconds, 1.0, 0
    while True:
        yield inverse
        servers += 1
        inverse = 1 + inverse * servers / load


def rises(rate: float, seconds: float, idle: float) -> list[float]:
    """Return how often, per second, the number of busy environments rises to 1, 2, and so on.

    rate: requests per second; seconds: of a request; idle: the time-out in seconds.
    """
    found: list[float] = []
    if rate <= 0:
        return found
    total = 0.0
    for inverse in erlang(rate, seconds):
        total += inverse
        found.append(rate / total)
        if found[-1] * idle < RARE:
            return found
    raise AssertionError("erlang never ends")


def cold_starts(phases: Sequence[Phase], seconds: float, idle: float) -> float:
    """Return the requests of a month that meet a cold start.

    seconds: of a request; idle: the time-out in seconds, at most an hour.
    """
    return sum(
        phase.hours * _in_an_hour(now, before, idle)
        for phase in phases
        for now, before in zip_longest(
            rises(phase.rate, seconds, idle), rises(phase.before, seconds, idle), fillvalue=0.0
        )
    )


def _in_an_hour(now: float, before: float, idle: float) -> float:
    """Return the cold starts of one level in an hour: rises without another in the time-out before.

    now, before: rises per second in the hour, and in the hour before it.
    """
    steady = (HOUR - idle) * now * math.exp(-now * idle)
    if abs(now - before) * idle < 1e-9:
        return steady + idle * now * math.exp(-now * idle)
    # Integral of now * exp(-before * (idle - t) - now * t) for t = 0 to idle.
    change = (math.exp(-before * idle) - math.exp(-now * idle)) / (now - before)
    return steady + now * change


def environments(rate: float, seconds: float, loss: float = LOSS) -> int:
    """Return the fewest environments that are all busy for at most a share of the requests."""
    if rate <= 0:
        return 0
    return next(count for count, inverse in enumerate(erlang(rate, seconds)) if inverse >= 1 / loss)


def overflow(rate: float, seconds: float, count: int) -> float:
    """Return the share of requests that find so many environments all busy."""
    if rate <= 0:
        return 0.0
    return 1 / next(inverse for at, inverse in enumerate(erlang(rate, seconds)) if at == count)
