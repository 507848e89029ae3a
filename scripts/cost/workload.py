"""The work of one request, from a benchmark, the command line, or a deployed function's reports."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.aws.account import Account
from scripts.aws.reports import report_of
from scripts.benchmark.spread import quantiles
from scripts.cost.duration import cpu_ms
from scripts.project import ROOT, Project
from shared.errors import UserError

PUBLISHED = ROOT / "docs/benchmarks"
INIT_MS = 500.0  # assumed for a start without a measurement
DAYS = 7  # of reports that are read
PATTERN = '?REPORT ?"platform.report"'  # of CloudWatch Logs: lines with either


@dataclass(frozen=True)
class Workload:
    """The work of one request.

    cpu_ms, p99_ms: median and 99th percentile of its duration with one vCPU. memory_mb: the most
    that the function has used. init_ms: of a cold start, with a whole vCPU. payload_bytes: of an
    event. source: where the figures are from, for people.
    """

    cpu_ms: float
    p99_ms: float
    memory_mb: float
    init_ms: float
    payload_bytes: int
    source: str


def workload_of(
    project: Project, duration: float | None, memory: float | None, init: float | None
) -> Workload:
    """Return the workload of a project's benchmark, with what the command line gives instead.

    duration, init: ms; memory: MB; None where they are not given. Raises UserError without both a
    benchmark and a duration and memory.
    """
    found = _benchmark(project)
    if duration is not None and memory is not None and found is None:
        given = INIT_MS if init is None else init
        source = "the command line" + (
            f", with {INIT_MS:.0f} ms assumed for init" if init is None else ""
        )
        return Workload(duration, duration, memory, given, _payload(project), source)
    if found is None:
        raise UserError(
            f"{project.name} has no benchmark yet: run `make benchmark MODEL={project.name}`, or "
            'set ARGS="--duration-ms 40 --memory-mb 512"'
        )
    changed: dict[str, Any] = {}
    if duration is not None:
        changed |= {"cpu_ms": duration, "p99_ms": duration}
    if memory is not None:
        changed["memory_mb"] = memory
    if init is not None:
        changed["init_ms"] = init
    source = f"the command line, the rest from {found.source}" if changed else found.source
    return replace(found, **changed, source=source)


def _benchmark(project: Project) -> Workload | None:
    """Return the workload of the published benchmark, or else of the one in the build folder."""
    for folder in (PUBLISHED, project.folder / "build/benchmarks"):
        path = folder / f"{project.name}.json"
        if path.exists():
            return _measured(path, project)
    return None


def _measured(path: Path, project: Project) -> Workload:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        measures = found["candidates"][project.onnx_api]["measures"]
        median = {name: measure["median"] for name, measure in measures.items()}
        return Workload(
            cpu_ms=median["handler_p50_ms"],
            p99_ms=median["handler_p99_ms"],
            memory_mb=max(median["memory_mb"], median.get("memory_batch_mb", 0)),
            init_ms=median.get("cold_start_up_ms", median["start_up_ms"]),
            payload_bytes=_payload(project),
            source=f"{path.relative_to(ROOT)} of {found['date']}",
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path.relative_to(ROOT)} is not a benchmark with {project.onnx_api}: {error!r}; run "
            f"`make benchmark MODEL={project.name}`"
        ) from None


def _payload(project: Project) -> int:
    return project.event_file.stat().st_size if project.event_file.exists() else 0


def deployed(account: Account, project: Project) -> Workload:
    """Return the workload of a deployed function, from the reports in its log.

    Raises UserError without any.
    """
    client = account.client("logs")
    try:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{project.name}",
            filterPattern=PATTERN,
            startTime=int((time.time() - DAYS * 86400) * 1000),
        )
        reports = [report_of(event["message"]) for page in pages for event in page["events"]]
    except client.exceptions.ResourceNotFoundException:
        raise UserError(
            f"{project.name} has no log here: run `make push deploy MODEL={project.name}`"
        ) from None
    found = reported([report for report in reports if report], project)
    local = " of the local AWS, whose times are not Lambda's" if account.local else ""
    return replace(found, source=found.source + local)


def reported(reports: Sequence[dict[str, float]], project: Project) -> Workload:
    """Return the workload of reports, as report_of gives them. Raises UserError without any."""
    timed = [report for report in reports if {"durationMs", "memorySizeMB"} <= report.keys()]
    if not timed:
        raise UserError(
            f"{project.name} has no report in the last {DAYS} days: run `make invoke "
            f"MODEL={project.name}`, and wait some seconds"
        )
    times = [cpu_ms(report["durationMs"], report["memorySizeMB"]) for report in timed]
    starts = [report["initDurationMs"] for report in timed if "initDurationMs" in report]
    return Workload(
        cpu_ms=statistics.median(times),
        p99_ms=quantiles(times, 100)[98],
        memory_mb=max(report.get("maxMemoryUsedMB", 0) for report in timed),
        init_ms=statistics.median(starts) if starts else INIT_MS,
        payload_bytes=_payload(project),
        source=f"{len(timed):,} REPORT lines of the last {DAYS} days"
        + ("" if starts else f", with {INIT_MS:.0f} ms assumed for init"),
    )
