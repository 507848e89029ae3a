"""Measure a request at each memory size: share of a vCPU, time, price."""

from __future__ import annotations

import math
from collections.abc import Callable

from scripts.benchmark.candidates import WHAT, Candidate, measured
from scripts.benchmark.measure import Plan
from scripts.benchmark.served import Served
from scripts.benchmark.spread import percentiles
from scripts.benchmark.tables import aligned, number
from scripts.prices import each, note
from scripts.project import Project
from shared.serving.onnx.common import MB_PER_VCPU

SIZES = (128, 256, 512, 1024, 1769, 3538)  # MB; the last two are one vCPU and two
PRICES = ("lambda_requests", "lambda_x86_64")
COLUMNS = (
    "memory, MB",
    "vCPUs",
    "handler p50, ms",
    "p95",
    "p99",
    "billed, ms",
    "a million requests, $",
)


def sizes_of(project: Project) -> list[Candidate]:
    """Return the project's image once for each memory size."""
    found = []
    for size in SIZES:
        mine = measured(project, project.onnx_api, project.onnx_api)
        mine.memory = size
        found.append(
            Candidate(
                str(size),
                f"{size:,} MB, {WHAT[mine.onnx_api]}",
                mine,
                project.folder,
                has_model=True,
            )
        )
    return found


def measure_sizes(
    candidates: list[Candidate], event: bytes, plan: Plan, progress: Callable[[str], None]
) -> dict[str, dict]:
    """Measure each memory size.

    Returns vCPUs, percentiles of the handler's time and billed time in ms, and dollars for a
    million requests.
    """
    times: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    for start in range(1, plan.starts + 1):
        for candidate in candidates:
            progress(f"start {start} of {plan.starts}: {candidate.what}")
            with Served(candidate) as served:
                served.ask(event)  # the start, for which Lambda gives a whole vCPU
                served.limit_processor(candidate.project.memory / MB_PER_VCPU)
                for _ in range(plan.requests):
                    served.ask(event)
                times[candidate.name] += [
                    line["duration_ms"] for line in served.lines(plan.requests)
                ]
    return {
        candidate.name: _summed_up(candidate.project, times[candidate.name])
        for candidate in candidates
    }


def table_of_sizes(sizes: dict[str, dict]) -> str:
    """Return the result of measure_sizes as an aligned table."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for size, found in sizes.items():
        times = [number(found[f"handler_p{share}_ms"]) for share in (50, 95, 99)]
        billed, dollars = f"{found['billed_ms']:.1f}", f"{found['million_dollars']:.2f}"
        rows.append((size, f"{found['vcpus']:.2f}", *times, billed, dollars))
    return "\n".join(
        [
            *aligned(rows),
            f"\nx86_64, {note(PRICES)}; without API Gateway, starts, and the free tier",
        ]
    )


def _summed_up(project: Project, times: list[float]) -> dict[str, float]:
    """Return percentiles of the times in ms, the billed time, and the price."""
    # Each call is rounded up to whole milliseconds.
    billed = sum(map(math.ceil, times)) / len(times)
    duration = billed / 1000 * project.memory / 1024 * each("lambda_x86_64")
    more = {
        "vcpus": project.memory / MB_PER_VCPU,
        "billed_ms": billed,
        "million_dollars": (duration + each("lambda_requests")) * 1e6,
    }
    return {
        name: round(value, 4) for name, value in {**percentiles("handler", times), **more}.items()
    }
