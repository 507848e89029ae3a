"""`make cold-starts` against the local AWS, as far as that has cold starts: its output, and the
restored function.
"""

import os
import re
import signal

import pytest

from scripts.benchmark.cold_starts import VARIABLE, Deployed, measure

pytestmark = pytest.mark.commands

NAME = "cold-sklearn"


@pytest.fixture(autouse=True, scope="module")
def deployed(local_aws_checkout, tabular):
    """A copy of a project, deployed for these tests alone: others end with the project
    destroyed.
    """
    local_aws_checkout.copy(tabular, NAME)
    try:
        local_aws_checkout.make("push", "deploy", f"MODEL={NAME}")
        yield
    finally:
        local_aws_checkout.make("destroy", f"MODEL={NAME}", "YES=1")


@pytest.fixture
def variables(local_aws_checkout):
    """A function that gives the variables of the deployed function as they are."""
    client = local_aws_checkout.client("lambda")
    return lambda: (
        client.get_function_configuration(FunctionName=NAME)
        .get("Environment", {})
        .get("Variables", {})
    )


def test_cold_and_warm_invocations_are_reported(local_aws_checkout, variables):
    before = variables()
    output = local_aws_checkout.make("cold-starts", f"MODEL={NAME}", "ARGS=--starts 2 --requests 3")
    assert "start 2 of 2\n" in output and re.search(
        r"^ +cold \([12]\) +warm \([1-6]\)$", output, re.MULTILINE
    ), output
    for field in ("Duration, ms", "Billed Duration, ms", "Memory Size, MB"):
        assert re.search(
            rf"^{field} +[\d.,]+ (\([\d.,]+–[\d.,]+\))? +[\d.,]+ ", output, re.MULTILINE
        ), output
    assert "none of these times is Lambda's" in output
    assert variables() == before and VARIABLE not in before


def test_ctrl_c_puts_everything_back(local_aws_checkout, variables):
    before = variables()
    process = local_aws_checkout.checkout.popen(
        "make", "cold-starts", f"MODEL={NAME}", "ARGS=--starts 50"
    )
    printed = []
    while "start 1 of 50\n" not in printed:
        printed.append(process.stdout.readline())
        assert printed[-1], "".join(printed)
    assert variables().get(VARIABLE)
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode and "Traceback" not in rest and "start 50" not in rest
    assert variables() == before


def test_with_snapstart_each_start_is_of_a_version_that_is_deleted_again(
    local_aws_checkout, tabular, capsys
):
    client = local_aws_checkout.client("lambda")
    client.update_function_configuration(
        FunctionName=NAME, SnapStart={"ApplyOn": "PublishedVersions"}
    )
    try:
        before = client.list_versions_by_function(FunctionName=NAME)["Versions"]
        cold, warm = measure(
            Deployed(client, NAME), tabular.event_file.read_bytes(), starts=1, requests=1
        )
        # A busy local AWS loses lines of the log, also these two.
        assert len(cold) <= 1 and len(warm) <= 1 and "start 1 of 1" in capsys.readouterr().out
        after = client.list_versions_by_function(FunctionName=NAME)["Versions"]
        assert [found["Version"] for found in after] == [found["Version"] for found in before]
    finally:
        client.update_function_configuration(FunctionName=NAME, SnapStart={"ApplyOn": "None"})


def test_a_function_that_is_not_there(local_aws_checkout, tabular):
    status, output = local_aws_checkout.checkout.python(
        "scripts/benchmark/cold_starts.py",
        tabular.name,
        AWS_ENDPOINT_URL=local_aws_checkout.url,
        AWS_REGION="eu-west-1",
    )
    assert status == 1 and output.splitlines()[-1] == (
        f"{tabular.name} is not deployed here: run `make push deploy MODEL={tabular.name}`"
    )
