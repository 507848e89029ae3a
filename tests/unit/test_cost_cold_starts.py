"""The estimate of cold starts, against a simulation of the execution environments."""

import heapq
import math
import random

import pytest

from scripts.cost.cold_starts import cold_starts, environments, overflow, rises
from scripts.cost.traffic import HOURS, PATTERNS, WEEK, peak, phases, rates

IDLE = 360  # seconds
ARRIVALS = 50_000


def simulate(hourly, seconds, fixed, weeks):
    """Cold starts a week. seconds: of a request, always the same if fixed, else exponential."""
    chance = random.Random(5)
    busy: list[float] = []  # times at which requests end
    idle: list[float] = []  # times at which they ended, in environments that wait
    cold = 0
    for hour, rate in enumerate(hourly * weeks):
        now = hour * 3600.0
        while rate and (now := now + chance.expovariate(rate)) < (hour + 1) * 3600:
            while busy and busy[0] <= now:
                idle.append(heapq.heappop(busy))
            if idle and now - idle[-1] <= IDLE:
                idle.pop()  # the one that was used last
            else:  # all others have been idle for even longer
                cold += 1
                idle.clear()
            heapq.heappush(busy, now + (seconds if fixed else chance.expovariate(1 / seconds)))
    return cold / weeks


@pytest.mark.parametrize(
    ("requests", "seconds", "fixed"), [(1e3, 0.1, False), (1e4, 0.5, True)], ids=["few", "many"]
)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_estimate_is_within_five_percent_of_a_simulation(pattern, requests, seconds, fixed):
    estimate = cold_starts(phases(pattern, requests), seconds, IDLE) * WEEK / HOURS
    weeks = math.ceil(ARRIVALS / (requests * WEEK / HOURS))
    assert simulate(rates(pattern, requests), seconds, fixed, weeks) == pytest.approx(
        estimate, rel=0.05
    )


def test_a_request_after_a_longer_pause_than_the_time_out_is_cold():
    # 10 requests a month, 73 hours apart: P(pause < 6 minutes) = 1 - exp(-0.1 / 73) = 0.14%.
    assert cold_starts(phases("steady", 10), 0.1, IDLE) == pytest.approx(10 * 0.9986, rel=1e-3)


def test_no_requests_have_no_cold_starts():
    assert cold_starts(phases("office", 0), 0.1, IDLE) == 0
    assert environments(0, 0.1) == 0 == overflow(0, 0.1, 0)


def test_the_first_rise_is_as_frequent_as_requests():
    assert rises(2, 0.1, IDLE)[0] == pytest.approx(2)


def test_environments_by_erlang_s_formula():
    # A load of 1: B(0) = 1, B(1) = 1/2, B(2) = (1/2)/(1 + 1 + 1/2) = 1/5, B(3) = (1/6)/(8/3) = 1/16
    assert [overflow(10, 0.1, count) for count in range(4)] == pytest.approx(
        [1, 1 / 2, 1 / 5, 1 / 16]
    )
    assert environments(10, 0.1, loss=0.2) == 2 and environments(10, 0.1, loss=0.19) == 3


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_phases_of_a_month_hold_all_hours_and_requests(pattern):
    found = phases(pattern, 1e6)
    assert sum(phase.hours for phase in found) == pytest.approx(HOURS)
    assert sum(phase.hours * 3600 * phase.rate for phase in found) == pytest.approx(1e6)
    assert max(phase.rate for phase in found) == peak(pattern, 1e6)


def test_the_busiest_hour_of_each_pattern():
    # A month has 730 / 168 weeks = 4.345. Office: 0.95 of 1e6 in 50 hours a week: 4,372 an hour.
    # Spiky: half in one hour a day, 7 of 168: 16,438 an hour. Nightly: twice as many.
    hourly = {pattern: peak(pattern, 1e6) * 3600 for pattern in PATTERNS}
    assert hourly == pytest.approx(
        {"steady": 1369.9, "office": 4372.6, "spiky": 16438.4, "nightly": 32876.7}, rel=1e-4
    )
