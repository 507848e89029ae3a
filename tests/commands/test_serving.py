"""`make run`: served until Ctrl-C, to curl, requests and boto3, and then nothing of it is left."""

import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config

from scripts.local.docker import DOCKER
from scripts.local.ports import free_port
from tests.handlers import answer_to, example
from tests.processes import containers_with, running_with, wait_until

PATH = "/2015-03-31/functions/function/invocations"


class Served:
    """`make run` of a project, in the copied checkout."""

    def __init__(self, checkout, project, way):
        self.port = free_port()
        self.name = f"-{self.port}"  # the end of the container's name
        self.process = checkout.popen(
            "make", "run", f"MODEL={project.name}", f"PORT={self.port}", **way
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("curl "):
                return
        raise AssertionError("".join(self.lines))

    def interrupt(self, number):
        os.killpg(self.process.pid, number)  # as a terminal does: make and its children alike
        try:
            output, _ = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return output

    def pid_of(self, word):
        """The process that was started with this file and this port."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_text().split("\0")
                if command[0].endswith(word) or command[1:2] == [word]:
                    found += [int(folder.name)] * any(str(self.port) in part for part in command)
        [pid] = found
        return pid

    def left(self):
        return running_with(f"127.0.0.1:{self.port}") + containers_with(self.name)


@pytest.fixture
def served(checkout, any_project, way):
    served = Served(checkout, any_project, way)
    yield served
    if served.process.poll() is None:
        served.interrupt(signal.SIGINT)


def test_curl_requests_and_boto3_get_the_same_answer(served, any_project):
    url = f"http://127.0.0.1:{served.port}"
    event = any_project.event_file.read_text()
    [shown] = [line for line in served.lines if line.startswith("curl ")]
    curl = subprocess.run(
        ["sh", "-c", f"{shown.strip()} --silent --show-error"],
        cwd=any_project.folder.parent,
        capture_output=True,
        check=True,
    )
    answers = [
        json.loads(curl.stdout),
        requests.post(url + PATH, json=json.loads(event), timeout=30).json(),
    ]
    local = {"region_name": "us-east-1", "aws_access_key_id": "any", "aws_secret_access_key": "any"}
    client = boto3.client(
        "lambda", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}), **local
    )
    answers.append(
        json.loads(client.invoke(FunctionName="function", Payload=event)["Payload"].read())
    )
    assert answers[0] == answers[1] == answers[2]
    assert answers[0] == answer_to(any_project, example(any_project))


def test_invoke_local(served, checkout, any_project):
    status, output = checkout.make(
        "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}"
    )
    assert status == 0 and json.loads(output) == answer_to(any_project, example(any_project))
    bad = checkout.root / "a bad.json"
    bad.write_text("{}")
    status, output = checkout.make(
        "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}", f"EVENT={bad}"
    )
    assert status != 0 and output.startswith("InvalidInput: the request must have either ")


def test_http_events_go_through_the_emulator_too(served):
    from tests.unit.http_events import http_api

    answer = requests.post(
        f"http://127.0.0.1:{served.port}{PATH}", json=http_api("GET", "/health"), timeout=30
    ).json()
    assert answer["statusCode"] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_it_is_interrupted(served, any_project, number):
    requests.post(
        f"http://127.0.0.1:{served.port}{PATH}", data=any_project.event_file.read_text(), timeout=30
    )
    assert served.left()
    output = served.interrupt(number)
    assert "Traceback" not in output
    assert not served.left()


def test_nothing_is_left_when_signals_come_in_a_row(served, any_project):
    """Make passes a SIGTERM on to the script that a terminal or CI sent to both: none of them may
    cut the clean-up short.
    """
    requests.post(
        f"http://127.0.0.1:{served.port}{PATH}", data=any_project.event_file.read_text(), timeout=30
    )
    script = served.pid_of("scripts/local/run.py")
    while served.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(script, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            served.process.wait(timeout=0.001)
    output, _ = served.process.communicate(timeout=60)
    assert "Traceback" not in output
    assert not served.left()


HANGING = "import time\ndef lambda_handler(event, context):\n    while True: time.sleep(1)\n"


@pytest.mark.parametrize("victim", ["make", "scripts/local/run.py"])
def test_nothing_is_left_when_it_is_killed(checkout, any_project, way, victim):
    """Not even a function that hangs, which does not notice that its emulator is gone."""
    (checkout.root / any_project.name / "lambda_function.py").write_text(HANGING)
    served = Served(checkout, any_project, way)
    with pytest.raises(requests.Timeout):
        requests.post(f"http://127.0.0.1:{served.port}{PATH}", data="{}", timeout=1)
    assert served.left()
    os.kill(served.process.pid if victim == "make" else served.pid_of(victim), signal.SIGKILL)
    assert wait_until(lambda: not served.left()), served.left()
    served.process.communicate(timeout=60)


def test_nothing_is_left_when_the_emulator_ends_and_the_status_tells(served, any_project, way):
    requests.post(
        f"http://127.0.0.1:{served.port}{PATH}", data=any_project.event_file.read_text(), timeout=30
    )
    if way:
        os.kill(served.pid_of("aws-lambda-rie"), signal.SIGSEGV)
    else:
        subprocess.run(
            [DOCKER, "kill", *containers_with(served.name)], capture_output=True, check=True
        )
    output, _ = served.process.communicate(timeout=60)
    assert served.process.returncode != 0
    assert re.search(r"^the emulator ended by itself, with status \d+: ", output, re.MULTILINE), (
        output
    )
    assert not served.left()


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (
            "import nothing_here",
            "the function does not start: Unable to import module 'lambda_function': No module "
            "named",
        ),
        (
            "def lambda_handler(event, context): breakpoint()",
            "breakpoint() needs a terminal, and a function has none",
        ),
        (
            "def lambda_handler(event, context): return len(bytearray(400_000_000))",
            "the function was killed, most likely",
        ),
    ],
)
def test_a_function_that_fails_is_explained_on_both_sides(
    checkout, any_project, way, handler, message
):
    if way and "bytearray" in handler:
        # nothing limits the memory here
        handler = "import os\ndef lambda_handler(event, context): os.kill(os.getpid(), 9)"
    (checkout.root / any_project.name / "lambda_function.py").write_text(handler)
    served = Served(checkout, any_project, way)
    try:
        status, output = checkout.make(
            "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}"
        )
        assert status != 0 and output.startswith(message) and len(output.splitlines()) == 2, output
    finally:
        output = served.interrupt(signal.SIGINT)
    assert re.search("^" + re.escape(message), output, re.MULTILINE), output


def test_a_taken_port_is_told_with_another(served, checkout, any_project, way):
    status, output = checkout.make("run", f"MODEL={any_project.name}", f"PORT={served.port}", **way)
    assert status != 0
    assert re.match(
        rf"port {served.port} is taken: stop what uses it, or choose another with PORT=\d+\nmake: ",
        output,
    ), output


def test_it_says_which_way_it_runs_and_why(served, way):
    said = "".join(served.lines)
    assert (
        ("without a container, because no-such-docker is not installed" in said)
        if way
        else ("in a container of" in said)
    )


def test_a_container_has_the_limits_of_lambda(checkout, any_project, base_image):
    served = Served(checkout, any_project, {})
    try:
        [name] = containers_with(served.name)
        inspected = subprocess.run(
            [DOCKER, "inspect", name], capture_output=True, text=True, check=True
        )
        [container] = json.loads(inspected.stdout)
        host = container["HostConfig"]
        assert not container["Mounts"]  # hence no volume that would outlive it
        assert host["ReadonlyRootfs"] and list(host["Tmpfs"]) == ["/tmp"] and host["CapAdd"] is None
        assert [drop.lower() for drop in host["CapDrop"]] == ["all"]
        assert host["Memory"] == host["MemorySwap"] == any_project.memory * 1024 * 1024
        assert host["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    finally:
        served.interrupt(signal.SIGINT)
