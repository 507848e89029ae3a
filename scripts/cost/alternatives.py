"""Offers of the alternatives: Lambda Managed Instances, SageMaker, and containers on Fargate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from scripts.cost.cold_starts import cold_starts, environments
from scripts.cost.duration import billed_seconds, duration_ms
from scripts.cost.offer import FRONT_MS, Case, Offer, p99
from scripts.cost.traffic import HOURS
from scripts.prices import each, instances
from shared.serving.onnx.common import MB_PER_VCPU

GB = 1024  # MB
MANAGED_LEAST = 3  # instances that Lambda starts, one in each availability zone
MANAGED_MOST_GB = 32
SERVERLESS_GB = (1, 2, 3, 4, 5, 6)
SERVERLESS_MOST, SERVERLESS_SECONDS, SERVERLESS_BYTES = 200, 60, 4 * 10**6
SERVERLESS_START_MS = 5000.0  # assumed: AWS gives no figure for a cold start
TASKS = {  # vCPUs of a Fargate task: memory in GB, from and to
    0.25: (0.5, 2),
    0.5: (1, 4),
    1: (2, 8),
    2: (4, 16),
    4: (8, 30),
    8: (16, 60),
    16: (32, 120),
}
ZONES = 2  # availability zones of a load balancer
LCU_CONNECTIONS, LCU_BYTES = 25, 1e9  # new connections a second, bytes an hour of one LCU


def managed_instances(case: Case) -> Iterator[Offer]:
    """Yield the offers of Lambda Managed Instances."""
    for price in instances("ec2"):
        seconds = case.workload.cpu_ms / 1000
        count = max(MANAGED_LEAST, case.servers(seconds, price.vcpus))
        machines = count * HOURS * price.each
        needed, most = case.needed_mb(), min(price.memory_gb, MANAGED_MOST_GB) * GB
        yield Offer(
            "Lambda Managed Instances",
            f"Lambda Managed Instances, {count:,} x {price.name.removeprefix('ec2.')}",
            {
                "instances": machines,
                "management": machines * each("managed_fee"),
                "requests": case.requests * each("managed_requests"),
            },
            (price.name, "managed_fee", "managed_requests"),
            case.workload.p99_ms + FRONT_MS,
            unfit=f"needs {needed:,.0f} MB, more than {most:,}" if needed > most else "",
        )


def serverless(case: Case) -> Iterator[Offer]:
    """Yield the offers of SageMaker Serverless Inference, by memory size."""
    for gb in SERVERLESS_GB:
        memory, work = gb * GB, case.workload
        ms, slow_ms = (
            duration_ms(time, memory, case.parallel) for time in (work.cpu_ms, work.p99_ms)
        )
        at_once = environments(case.peak, ms / 1000)
        cold = cold_starts(case.phases, ms / 1000, case.idle)
        share = cold / case.requests if case.requests else 0.0
        reasons = {
            f"needs {case.needed_mb():,.0f} MB, more than {memory:,}": case.needed_mb() > memory,
            f"{at_once:,} requests at once, more than {SERVERLESS_MOST}": at_once > SERVERLESS_MOST,
            f"a request takes more than {SERVERLESS_SECONDS} s": slow_ms > SERVERLESS_SECONDS * 1e3,
            "an event has more than 4 MB": work.payload_bytes > SERVERLESS_BYTES,
        }
        warm = slow_ms + FRONT_MS
        yield Offer(
            "SageMaker serverless",
            f"SageMaker serverless, {gb} GB",
            {
                "duration": case.requests * billed_seconds(ms) * gb * each("sagemaker_serverless"),
                "data": _data(case),
            },
            ("sagemaker_serverless", "sagemaker_data"),
            p99(warm, warm + SERVERLESS_START_MS + work.init_ms, share),
            cold=share,
            unfit=next((reason for reason, true in reasons.items() if true), ""),
        )


def real_time(case: Case) -> Iterator[Offer]:
    """Yield the offers of SageMaker real-time endpoints, by instance type."""
    for price in instances("ml"):
        count = case.servers(case.workload.cpu_ms / 1000, price.vcpus, price.baseline)
        needed, most = case.needed_mb(), price.memory_gb * GB
        yield Offer(
            "SageMaker real time",
            f"SageMaker real time, {count:,} x {price.name}",
            {"instances": count * HOURS * price.each, "data": _data(case)},
            (price.name, "sagemaker_data"),
            case.workload.p99_ms + FRONT_MS,
            unfit=f"needs {needed:,.0f} MB, more than {most:,}" if needed > most else "",
        )


def fargate(case: Case) -> Iterator[Offer]:
    """Yield the offers of containers on Fargate behind a load balancer, by size of a task."""
    for vcpus, (least, most) in TASKS.items():
        gb = max(least, math.ceil(case.needed_mb() / GB)) if least >= 1 else least
        if case.needed_mb() > gb * GB:
            gb = math.ceil(case.needed_mb() / GB)
        count = case.servers(case.workload.cpu_ms / 1000, vcpus)
        slow_ms = duration_ms(case.workload.p99_ms, vcpus * MB_PER_VCPU, case.parallel)
        for architecture in ("x86_64", "arm64"):
            yield Offer(
                "Fargate",
                f"Fargate, {count:,} x {vcpus:g} vCPU, {gb:g} GB, {architecture}",
                {
                    "vCPU": count * vcpus * HOURS * each(f"fargate_vcpu_{architecture}"),
                    "memory": count * gb * HOURS * each(f"fargate_gb_{architecture}"),
                    "load balancer": _load_balancer(case),
                    "IPv4 addresses": (count + ZONES) * HOURS * each("public_ipv4"),
                },
                (
                    *(f"fargate_{part}_{architecture}" for part in ("vcpu", "gb")),
                    *("load_balancer", "load_balancer_lcu", "public_ipv4"),
                ),
                slow_ms + FRONT_MS,
                unfit=f"needs {case.needed_mb():,.0f} MB, more than {most * GB:,}"
                if gb > most
                else "",
            )


def _data(case: Case) -> float:
    """Dollars for the payloads that SageMaker takes in."""
    return case.requests * case.workload.payload_bytes / 1e9 * each("sagemaker_data")


def _load_balancer(case: Case) -> float:
    """Dollars for an Application Load Balancer, with a new connection for each request."""
    units = sum(
        phase.hours
        * max(
            phase.rate / LCU_CONNECTIONS,
            phase.rate * 3600 * case.workload.payload_bytes / LCU_BYTES,
        )
        for phase in case.phases
    )
    return HOURS * each("load_balancer") + units * each("load_balancer_lcu")


ALTERNATIVES: tuple[Callable[[Case], Iterator[Offer]], ...] = (
    managed_instances,
    serverless,
    real_time,
    fargate,
)
