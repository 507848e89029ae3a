"""Nothing of `make run` is left, however it ends."""

import contextlib
import os
import re
import signal
import subprocess

import pytest
import requests

from scripts.local.docker import DOCKER
from tests.commands.served import PATH, Served
from tests.processes import containers_with, wait_until

HANGING = "import time\ndef lambda_handler(event, context):\n    while True: time.sleep(1)\n"


@pytest.fixture
def served(checkout, any_project, way):
    """`make run`, for a test that ends it."""
    served = Served(checkout, any_project, way)
    yield served
    if served.process.poll() is None:
        served.interrupt(signal.SIGINT)


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
