"""Offers of Lambda: by memory size, architecture, mode and endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.cost.cold_starts import cold_starts, environments, overflow
from scripts.cost.duration import billed_seconds, duration_ms
from scripts.cost.offer import FRONT_MS, PLACEMENT_MS, RESTORE_MS, Case, Offer, p99
from scripts.cost.traffic import SECONDS
from scripts.prices import each

SIZES = (128, 256, 512, 1024, 1769, 3538, 7076, 10_240)  # MB
MOST_MB = 10_240
ARCHITECTURES = ("x86_64", "arm64")
ON_DEMAND, SNAPSTART, PROVISIONED = MODES = ("on demand", "SnapStart", "provisioned")
ENDPOINTS = {  # the price of a request, and the name for people
    "url": ("", "function URL"),
    "http": ("http_api", "HTTP API"),
    "rest": ("rest_api", "REST API"),
}
QUOTA = 1000  # concurrent invocations of a new account in a region
MOST_SECONDS = 900


def sizes(case: Case) -> list[int]:
    """Return the memory sizes that fit."""
    return [size for size in SIZES if size >= case.needed_mb()]


def lambda_offers(case: Case) -> Iterator[Offer]:
    """Yield all offers of Lambda. A single one, unfit, if no memory size is enough."""
    found = sizes(case)
    if not found:
        reason = f"needs {case.needed_mb():,.0f} MB, more than Lambda's {MOST_MB:,}"
        yield Offer("Lambda", "Lambda", {}, (), 0, unfit=reason)
    for memory in found:
        cost = _Memory(case, memory)
        for architecture in ARCHITECTURES:
            for mode in MODES:
                for endpoint in ENDPOINTS:
                    yield cost.offer(architecture, mode, endpoint)


class _Memory:
    """The offers of one memory size, in MB."""

    def __init__(self, case: Case, memory: int):
        self.case, self.memory = case, memory
        work = case.workload
        self.ms = duration_ms(work.cpu_ms, memory, case.parallel)
        self.slow_ms = duration_ms(work.p99_ms, memory, case.parallel)
        seconds = self.ms / 1000
        self.cold = cold_starts(case.phases, seconds, case.idle)
        self.concurrency = environments(case.peak, seconds)
        self.gb = memory / 1024
        self.gb_seconds = case.requests * billed_seconds(self.ms) * self.gb
        self.init_gb_seconds = billed_seconds(work.init_ms) * self.gb  # of one cold start
        overflows = [
            (phase.hours * 3600 * phase.rate, overflow(phase.rate, seconds, self.concurrency))
            for phase in case.phases
        ]
        # Requests that find all provisioned environments busy.
        self.overflow = sum(requests * share for requests, share in overflows)

    def offer(self, architecture: str, mode: str, endpoint: str) -> Offer:
        """Return the offer of one architecture, mode and endpoint."""
        lines, prices, free, cold = self._lines(architecture, mode)
        price, title = ENDPOINTS[endpoint]
        if price:
            lines[title] = self.case.requests * each(price)
            prices = (*prices, price)
        share = cold / self.case.requests if self.case.requests else 0.0
        start = RESTORE_MS if mode == SNAPSTART else PLACEMENT_MS + self.case.workload.init_ms
        warm = self.slow_ms + FRONT_MS
        over = self.concurrency > QUOTA
        return Offer(
            "Lambda",
            f"Lambda, {self.memory:,} MB, {architecture}, {mode}, {title}",
            lines,
            prices,
            p99(warm, warm + start, share),
            free=free,
            cold=share,
            unfit="a request takes more than 900 s" if self.slow_ms > MOST_SECONDS * 1e3 else "",
            notes=(
                f"Lambda runs up to {self.concurrency:,} requests at once with {self.memory:,} MB: "
                f"ask AWS for a quota above the account's {QUOTA:,}",
            )
            if over
            else (),
            memory=self.memory,
            architecture=architecture,
            mode=mode,
            endpoint=endpoint,
            details={"concurrency": self.concurrency, "duration_ms": self.ms},
        )

    def _lines(
        self, architecture: str, mode: str
    ) -> tuple[dict[str, float], tuple[str, ...], float, float]:
        """Return the lines of the bill, the used prices, the savings by the free tier, and the
        cold starts.
        """
        request, gb_second = each("lambda_requests"), each(f"lambda_{architecture}")
        lines = {"requests": self.case.requests * request}
        prices: tuple[str, ...] = ("lambda_requests", f"lambda_{architecture}")
        if mode == PROVISIONED:  # to which the free tier does not apply
            idle, busy = f"provisioned_idle_{architecture}", f"provisioned_busy_{architecture}"
            spilled = self.overflow / self.case.requests if self.case.requests else 0.0
            lines |= {
                "duration": self.gb_seconds * ((1 - spilled) * each(busy) + spilled * gb_second),
                "init": self.overflow * self.init_gb_seconds * gb_second,
                "kept ready": max(1, self.concurrency) * self.gb * SECONDS * each(idle),
            }
            return lines, (*prices, idle, busy), 0.0, self.overflow
        billed = self.gb_seconds
        if mode == SNAPSTART:
            restored = self.cold * self.gb
            lines |= {
                "duration": billed * gb_second,
                "init": restored * each("snapstart_restore"),
                "kept ready": self.gb * SECONDS * each("snapstart_cache"),
            }
            prices = (*prices, "snapstart_cache", "snapstart_restore")
        else:
            init = self.cold * self.init_gb_seconds
            lines |= {"duration": billed * gb_second, "init": init * gb_second}
            billed += init
        free = min(self.case.requests, each("lambda_free_requests")) * request
        free += min(billed, each("lambda_free_gb_seconds")) * gb_second
        return lines, prices, free, self.cold
