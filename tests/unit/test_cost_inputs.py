"""The inputs of make cost: the benchmark, the command line, and REPORT lines of a function."""

import json
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from scripts.cost import workload
from scripts.cost.workload import INIT_MS, deployed, reported, workload_of
from shared.errors import UserError


@pytest.fixture
def benchmark(any_project, monkeypatch, tmp_path):
    """Writes measures as the project's published benchmark."""
    monkeypatch.setattr(workload, "PUBLISHED", tmp_path)
    monkeypatch.setattr(workload, "ROOT", tmp_path)
    monkeypatch.setattr(any_project, "folder", tmp_path / "project")

    def write(**measures):
        candidate = {"measures": {name: {"median": value} for name, value in measures.items()}}
        found = {"date": "2026-11-24", "candidates": {any_project.onnx_api: candidate}}
        (tmp_path / f"{any_project.name}.json").write_text(json.dumps(found))

    return write


MEASURES = {"handler_p50_ms": 2.0, "handler_p99_ms": 3.0, "memory_mb": 50, "start_up_ms": 60}


def test_the_benchmark_s_figures(any_project, benchmark):
    benchmark(**MEASURES)
    found = workload_of(any_project, None, None, None)
    assert (found.cpu_ms, found.p99_ms, found.memory_mb, found.init_ms) == (2, 3, 50, 60)
    assert found.payload_bytes == any_project.event_file.stat().st_size
    assert found.source == f"{any_project.name}.json of 2026-11-24"
    benchmark(**MEASURES, memory_batch_mb=90, cold_start_up_ms=110)
    found = workload_of(any_project, None, None, None)
    assert (found.memory_mb, found.init_ms) == (90, 110)


def test_the_command_line_comes_first(any_project, benchmark):
    benchmark(**MEASURES)
    found = workload_of(any_project, 40, None, 0)
    assert (found.cpu_ms, found.p99_ms, found.memory_mb, found.init_ms) == (40, 40, 50, 0)
    assert found.source.startswith("the command line, the rest from ")


def test_without_a_benchmark(any_project, benchmark):
    with pytest.raises(UserError, match="has no benchmark yet: run `make benchmark MODEL="):
        workload_of(any_project, 40, None, None)
    found = workload_of(any_project, 40, 512, None)
    assert (found.cpu_ms, found.memory_mb, found.init_ms) == (40, 512, INIT_MS)
    assert "500 ms assumed" in found.source
    assert workload_of(any_project, 40, 512, 80).source == "the command line"


@pytest.mark.parametrize("text", ["", "[]", '{"candidates": {}}', "{"])
def test_a_file_that_is_no_benchmark(any_project, benchmark, tmp_path, text):
    (tmp_path / f"{any_project.name}.json").write_text(text)
    with pytest.raises(UserError, match=r"is not a benchmark with .*run `make benchmark MODEL="):
        workload_of(any_project, None, None, None)


REPORT = (
    "REPORT RequestId: 8f507cfc\tDuration: {duration} ms\tBilled Duration: 1 ms\tMemory Size: {memory} "
    "MB\tMax Memory Used: {used} MB\t{init}\n"
)


class Account:
    """An account whose logs client is stubbed."""

    def __init__(self, local=False):
        self.local = local
        self.logs = boto3.client(
            "logs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )

    def client(self, service):
        """The client of CloudWatch Logs."""
        assert service == "logs"
        return self.logs


@pytest.mark.parametrize("local", [False, True])
def test_report_lines_of_a_deployed_function(any_project, local):
    lines = [
        REPORT.format(duration=100, memory=1769, used=90, init=""),
        REPORT.format(duration=110, memory=1769, used=95, init="Init Duration: 400.5 ms"),
        REPORT.format(duration=120, memory=1769, used=92, init=""),
        "START RequestId: 8f507cfc",
    ]
    account: Any = Account(local)
    with Stubber(account.logs) as stub:
        stub.add_response(
            "filter_log_events",
            {"events": [{"message": line} for line in lines]},
            {
                "logGroupName": f"/aws/lambda/{any_project.name}",
                "filterPattern": '?REPORT ?"platform.report"',
                "startTime": ANY,
            },
        )
        found = deployed(account, any_project)
    assert (found.cpu_ms, found.memory_mb, found.init_ms) == (110, 95, 400.5)
    assert found.p99_ms == pytest.approx(119.8) and found.source.startswith("3 REPORT lines")
    assert ("the local AWS" in found.source) == local


def test_a_function_that_is_not_deployed(any_project):
    account: Any = Account()
    with Stubber(account.logs) as stub:
        stub.add_client_error("filter_log_events", "ResourceNotFoundException")
        with pytest.raises(UserError, match="has no log here: run `make push deploy MODEL="):
            deployed(account, any_project)


def test_reports_of_a_smaller_function(any_project):
    # 512 MB: 5.7886 ms of each 20 ms. 44 ms are two periods and 4 ms: 2 * 5.7886 + 4 = 15.577.
    found = reported([{"durationMs": 44, "memorySizeMB": 512, "maxMemoryUsedMB": 90}], any_project)
    assert found.cpu_ms == found.p99_ms == pytest.approx(15.577, abs=1e-3)
    assert found.init_ms == INIT_MS and "assumed" in found.source


def test_a_log_without_reports(any_project):
    with pytest.raises(UserError, match="has no report in the last 7 days: run `make invoke"):
        reported([{}], any_project)


def test_json_for_programs(run_script, any_project):
    done = run_script(
        *("scripts/cost/month.py", any_project.name, "--requests", "2e6", "--latency", "300"),
        *("--traffic", "office", "--duration-ms", "40", "--memory-mb", "512", "--json"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["case"]["requests"] == 2e6 and found["case"]["workload"]["cpu_ms"] == 40
    fit = [
        offer["dollars"]
        for offer in found["offers"]
        if offer["meets"] and offer["endpoint"] in ("", found["case"]["endpoint"])
    ]
    assert next(iter(found["cheapest_of_each"].values()))["dollars"] == pytest.approx(min(fit))
    assert {price["verified"] for price in found["prices"].values()} == {True, False}
    assert found["break_evens"] and "unverified: " in found["note"] and "20" in found["note"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--requests", "many"], "many is not a number of zero or more, such as 2e6"),
        (["--requests", "-1"], "-1 is not a number of zero or more, such as 2e6"),
        (["--requests", "1e13"], "REQUESTS=1e+13 is too large: at most 1e+12 a month"),
        (["--traffic", "daily"], "TRAFFIC=daily is not a pattern; choose one of steady, office, "),
        (["--latency", "0"], "0 is not above zero"),
        (["--duration-ms", "1e6"], "--duration-ms 1e+06 is too long: a request on Lambda takes "),
        (["--parallel", "2"], "--parallel 2 is not a part: use a number from 0 to 1"),
        (["--idle-minutes", "90"], "--idle-minutes 90 is too long: use at most 60"),
        (["--from-aws", "--memory-mb", "9"], "--from-aws measures what --duration-ms, "),
    ],
)
def test_mistakes_end_in_one_line(monkeypatch, any_project, arguments, message):
    from scripts.cost.month import checked, parser

    with pytest.raises(UserError) as error:
        checked(parser().parse_args([any_project.name, *arguments]))
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
