"""Measure all candidates in rounds, so that a busy moment of the machine affects all of them."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from scripts.benchmark.caches import drop_caches
from scripts.benchmark.candidates import Candidate
from scripts.benchmark.examples import Examples
from scripts.benchmark.served import Served
from scripts.benchmark.spread import largest_difference, percentiles
from scripts.local.images import base_image, image_size
from shared.errors import UserError

TOLERANCE = 1e-4  # of a probability, between a framework and ONNX Runtime
MIB, MB = 2**20, 10**6
BATCH_REPEATS = 3  # requests of each size in a round
SPANS = ("fetch", "decode", "inference")  # of the handler's log: see shared/serving/logs.py

Values = dict[str, dict[str, list[float]]]  # candidate: measure: a value for each round


@dataclass
class Plan:
    """Numbers of measurements.

    starts: rounds of starts with warm file caches; requests: on each of these starts.
    others: rounds of starts with empty file caches, and of throughput. copies: numbers of
    containers that run at once, each number for some seconds.
    """

    starts: int
    requests: int
    others: int
    copies: list[int]
    seconds: float


def check_answers(candidates: list[Candidate], examples: Examples) -> dict[str, float]:
    """Compare the responses of all candidates. Returns the largest difference from the first's.

    This also warms the caches. Raises UserError above TOLERANCE: the time of a wrong response is
    meaningless. An int8 model may differ from its framework; export has compared their accuracy.
    """
    asked = [examples.one, examples.batch(min(500, examples.sizes[-1]))]
    expected, differences = None, {}
    for candidate in candidates:
        with Served(candidate) as served:
            answers = [served.answer(event) for event in asked]
        if candidate.has_model:
            expected = expected or answers
            differences[candidate.name] = largest_difference(expected, answers)
            may_differ = candidate.is_framework and candidate.project.quantized
            if differences[candidate.name] > TOLERANCE and not may_differ:
                raise UserError(
                    f"{candidate.image} responds otherwise than {candidates[0].image}: nothing was "
                    "measured"
                )
    return differences


def measure(
    candidates: list[Candidate],
    examples: Examples,
    plan: Plan,
    cold: bool,
    progress: Callable[[str], None],
) -> Values:
    """Measure all candidates. cold: whether the kernel's file caches can be emptied here."""
    values: Values = {candidate.name: defaultdict(list) for candidate in candidates}

    def rounds(what: str, count: int, one_round: Callable[[Candidate], dict[str, float]]) -> None:
        """Measure each candidate once in each round. what: the name of a round, for progress."""
        for number in range(1, count + 1):
            for candidate in candidates:
                progress(f"{what} {number} of {count}: {candidate.what}")
                for name, value in one_round(candidate).items():
                    values[candidate.name][name].append(value)

    base = image_size(base_image(candidates[0].project))
    for candidate in candidates:
        values[candidate.name]["added_mb"].append((candidate.size() - base) / MB)
    rounds("start", plan.starts, lambda candidate: warm_round(candidate, examples, plan))
    if cold:
        rounds(
            "start with cold caches", plan.others, lambda candidate: cold_round(candidate, examples)
        )
    if plan.copies:
        rounds(
            "throughput", plan.others, lambda candidate: throughput_round(candidate, examples, plan)
        )
    return values


def warm_round(candidate: Candidate, examples: Examples, plan: Plan) -> dict[str, float]:
    """Measure one start with warm file caches, then requests one after the other."""
    with Served(candidate) as served:
        found = {"first_answer_ms": served.ask(examples.one)[1], "start_up_ms": served.start_up()}
        found |= timed(served, examples.one, plan.requests)
        found["memory_mb"] = served.process()["peak"] / MIB
        for size in examples.sizes:
            batch = timed(served, examples.batch(size), BATCH_REPEATS)
            found |= {
                f"batch_{size}_{kind}_ms": batch[f"{kind}_p50_ms"]
                for kind in ("round_trip", "handler")
                if f"{kind}_p50_ms" in batch
            }
        if examples.image and candidate.has_model:
            event = json.dumps({"url": served.serve_file(examples.image)}).encode()
            served.ask(event)  # the first URL loads what HTTP takes
            found["fetch_ms"] = timed(served, event, plan.requests)["fetch_ms"]
        found["memory_batch_mb"] = served.process()["peak"] / MIB
    return found


def timed(served: Served, event: bytes, count: int) -> dict[str, float]:
    """Repeat a request. Returns times in ms: round trip, handler, and the handler's parts."""
    trips = [served.ask(event)[1] for _ in range(count)]
    found = percentiles("round_trip", trips)
    lines = served.lines(count)
    if not lines:
        return found
    whole = [line["duration_ms"] for line in lines]
    parts = {
        span: [line[f"{span}_ms"] for line in lines] for span in SPANS if f"{span}_ms" in lines[0]
    }
    found |= percentiles("handler", whole)
    found |= {
        f"{'run' if timed == 'inference' else timed}_ms": median(times)
        for timed, times in parts.items()
    }
    found["rest_ms"] = median(
        [time - sum(of_parts) for time, *of_parts in zip(whole, *parts.values())]
    )
    found["outside_ms"] = median([trip - time for trip, time in zip(trips, whole)])
    return found


def cold_round(candidate: Candidate, examples: Examples) -> dict[str, float]:
    """Measure one start with empty file caches, up to the first response."""
    with Served(candidate) as served:
        # Only now, while the container runs: the engine's own files do not count.
        drop_caches()
        first = served.ask(examples.one)[1]
        return {
            "cold_start_up_ms": served.start_up(),
            "cold_first_answer_ms": first,
            "cold_read_mb": served.process()["read"] / MB,
        }


def throughput_round(candidate: Candidate, examples: Examples, plan: Plan) -> dict[str, float]:
    """Measure the requests per second of several containers at once, each with its own client."""
    with ExitStack() as stack:
        copies = [stack.enter_context(Served(candidate)) for _ in range(max(plan.copies))]
        for served in copies:
            served.ask(examples.one)
        return {
            f"throughput_{count}": _rate(copies[:count], examples.one, plan.seconds)
            for count in plan.copies
        }


def _rate(copies: list[Served], event: bytes, seconds: float) -> float:
    """Return the responses per second of all copies together."""
    start = time.perf_counter()

    def client(served: Served) -> int:
        """Send requests until the time is over; return the number of responses."""
        answers = 0
        while time.perf_counter() - start < seconds:
            served.ask(event)
            answers += 1
        return answers

    with ThreadPoolExecutor(len(copies)) as pool:
        return sum(pool.map(client, copies)) / (time.perf_counter() - start)
