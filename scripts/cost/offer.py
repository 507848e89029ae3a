"""A case to compare, and an offer of AWS for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from scripts.cost.traffic import Phase, peak, phases
from scripts.cost.workload import Workload

HEADROOM = 1.25  # of memory, above the most that was used
UTILIZATION = 0.7  # of the vCPUs of an instance or a task, at the peak

# Assumed, in ms, since nothing here measures them. Printed with each result.
FRONT_MS = 10.0  # an endpoint in front of the model: API Gateway, a load balancer, SageMaker
PLACEMENT_MS = 200.0  # the part of a cold start before the process
RESTORE_MS = 500.0  # a restore from a snapshot: others saw 395 to 680 ms for images


@dataclass(frozen=True)
class Case:
    """What is compared.

    requests: a month; pattern: one of traffic.PATTERNS; idle: the idle time-out in seconds;
    latency: the most ms that 99 of 100 requests may take, or None; endpoint: one of
    aws_lambda.ENDPOINTS; free_tier: whether Lambda's is subtracted; available: at least two
    instances; parallel: see duration.py.
    """

    workload: Workload
    requests: float
    pattern: str = "steady"
    latency: float | None = None
    idle: float = 360.0
    endpoint: str = "http"
    free_tier: bool = False
    available: bool = False
    parallel: float = 0.0

    @cached_property
    def phases(self) -> list[Phase]:
        """The phases of the month."""
        return phases(self.pattern, self.requests)

    @cached_property
    def peak(self) -> float:
        """Requests per second in the busiest hour."""
        return peak(self.pattern, self.requests)

    @property
    def at_once(self) -> float:
        """Requests at once in the busiest hour, on one vCPU each."""
        return self.peak * self.workload.cpu_ms / 1000

    def needed_mb(self) -> float:
        """Return the memory that the function needs, with headroom."""
        return self.workload.memory_mb * HEADROOM

    def servers(self, seconds: float, vcpus: float, baseline: float = 0.0) -> int:
        """Return the instances that the peak needs.

        seconds: of one vCPU, for each request; baseline: of a burstable instance, as in prices.py.
        """
        least = 2 if self.available else 1
        useful = vcpus * (baseline or UTILIZATION)
        return max(least, math.ceil(round(self.peak * seconds / useful, 9)))


@dataclass(frozen=True)
class Offer:
    """What a month of a case costs with one configuration of one service.

    lines: dollars by what they are for. prices: the names of the used prices. p99_ms: within which
    99 of 100 requests are answered. free: the dollars that the free tier saves. cold: the share of
    requests with a cold start. unfit: why the service cannot do it, or "". notes: for people.
    memory, architecture, mode, endpoint: of Lambda.
    """

    service: str
    name: str
    lines: dict[str, float]
    prices: tuple[str, ...]
    p99_ms: float
    free: float = 0.0
    cold: float = 0.0
    unfit: str = ""
    notes: tuple[str, ...] = ()
    memory: int = 0
    architecture: str = ""
    mode: str = ""
    endpoint: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Dollars a month, without the free tier."""
        return sum(self.lines.values())

    def dollars(self, free_tier: bool) -> float:
        """Return the dollars a month, with or without the free tier."""
        return self.total - (self.free if free_tier else 0)

    def meets(self, latency: float | None) -> bool:
        """Return whether the offer is possible and fast enough."""
        return not self.unfit and (latency is None or self.p99_ms <= latency)


def cheapest(offers: Iterable[Offer], case: Case) -> Offer | None:
    """Return the cheapest offer that meets the latency, or None."""
    fit = [
        offer
        for offer in offers
        if offer.meets(case.latency) and offer.endpoint in ("", case.endpoint)
    ]
    # Equal prices: prefer the smallest memory.
    return min(
        fit, key=lambda offer: (round(offer.dollars(case.free_tier), 9), offer.memory), default=None
    )


def p99(warm: float, cold: float, share: float) -> float:
    """Return the ms within which 99 of 100 requests are answered.

    warm, cold: ms of requests without and with a cold start; share: of those with one.
    """
    return cold if share > 0.01 else warm
