"""`make benchmark` of a project's own image: without each of its measures, and at each memory
size.
"""

import json
import re

import pytest

from scripts.benchmark.memory_sizes import SIZES
from scripts.benchmark.savings import WITHOUT
from scripts.local.images import onnx_apis
from tests.benchmarks.conftest import SHORT

pytestmark = pytest.mark.commands


def run(timed, of):
    """Run `make benchmark` with --of; return its output and its JSON file."""
    status, output = timed.make(f"{SHORT} --of {of}")
    assert status == 0, output
    return output, json.loads(
        (timed.checkout.root / f"{timed.name}/build/benchmarks/{timed.name}-{of}.json").read_text()
    )


def test_what_each_measure_saves(timed, tabular):
    output, found = run(timed, "savings")
    candidates = found["candidates"]
    assert candidates.keys() == {*onnx_apis(tabular), *WITHOUT} - (
        {"blas-threads"} if tabular.onnx_api == "c" else set()
    )
    added, memory = (
        {name: candidate["measures"][measure]["median"] for name, candidate in candidates.items()}
        for measure in ("added_mb", "memory_mb")
    )
    built = tabular.onnx_api
    assert added["not-trimmed"] > 2 * added[built] > 0 and added["not-compiled"] < added[built]
    assert memory["boto3"] > memory[built] + 10
    assert "packages as pip installs them" in output and f"{timed.name}-savings.svg" in output
    assert "One request on a warm function" not in output  # it is the start alone that they change


def test_each_memory_size(timed):
    output, found = run(timed, "memory")
    assert [int(size) for size in found["sizes"]] == list(SIZES)
    vcpus = [size["vcpus"] for size in found["sizes"].values()]
    assert vcpus[-2:] == [1, 2] and vcpus == sorted(vcpus)
    for name, size in found["sizes"].items():
        assert 0 < size["handler_p50_ms"] <= size["handler_p95_ms"] <= size["handler_p99_ms"]
        assert size["billed_ms"] >= 1  # Lambda bills whole milliseconds
        by_hand = size["billed_ms"] / 1000 * int(name) / 1024 * 16.6667 + 0.2
        assert size["million_dollars"] == pytest.approx(by_hand, abs=0.01)
    assert "a million requests, $" in output


def test_a_dockerfile_that_skips_no_step_is_named(timed):
    dockerfile = timed.checkout.root / timed.name / "Dockerfile"
    written = dockerfile.read_text()
    dockerfile.write_text(written.replace(' --skip "${SKIP}"', ""))
    status, output = timed.make(f"{SHORT} --of savings")
    dockerfile.write_text(written)
    assert status and re.search(
        r"Dockerfile builds the same image with SKIP=trim: declare ARG SKIP, and pass", output
    )
