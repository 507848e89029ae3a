"""A run of the tests removes what it made, and fails where something else is left."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from scripts.local.docker import DOCKER
from tests.leftovers import LABEL

pytestmark = pytest.mark.commands

A_FILE = 'open("left.txt", "w").close()'
A_PROCESS = """
    process = subprocess.Popen(["sleep", "61"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    note(pid=process.pid)
"""
A_CONTAINER = """
    command = [DOCKER, "run", "--detach", "--entrypoint", "sleep", os.environ["BASE_IMAGE"], "61"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    note(container=made.stdout.strip(), run=leftovers.run_id())
"""
WHAT_IS_REMOVED = """
    tempfile.mkdtemp()
    (tmp_path / "file").touch()
    dockerfile = "FROM {0} AS one\\nENV A=1\\nENV B=2\\nFROM {0}\\nENV C=3\\nENV D=4\\n"
    command = [DOCKER, "build", "--quiet", "--tag", f"{leftovers.run_id()}:two", "-"]
    text = dockerfile.format(os.environ["BASE_IMAGE"])
    subprocess.run(command, input=text, check=True, capture_output=True, text=True)
    assert leftovers.listed("images")
    note(folder=tempfile.gettempdir(), run=leftovers.run_id())
"""
TEST = """
import json, os, pathlib, subprocess, tempfile
from scripts.local.docker import DOCKER
from tests import leftovers

def note(**found):
    pathlib.Path(os.environ["NOTE"]).write_text(json.dumps(found))

def test_it(FIXTURE, tmp_path):
    BODY
"""


@pytest.fixture
def run_test(checkout, any_project, tmp_path):
    """A function that runs one test, as `make test` does, in the copied checkout.

    It gives the exit status, the output, and what the test has noted.
    """

    shutil.rmtree(checkout.root / any_project.name / "build")  # or its image would be built

    def run(body, fixture="any_project"):
        source = TEST.replace("FIXTURE", fixture).replace("BODY", body.strip())
        (checkout.root / "tests/test_it.py").write_text(source)
        note = tmp_path / "note.json"
        command = ["-m", "pytest", "-n", "2", f"--model={any_project.name}", "tests/test_it.py"]
        status, output = checkout.python(*command, NOTE=str(note))
        assert "1 passed" in output, output
        return status, output, json.loads(note.read_text()) if note.exists() else None

    return run


def images_of(run):
    """The images and layers that a run has made and not removed."""
    command = [DOCKER, "images", "--all", "--quiet", "--filter", f"label={LABEL}={run}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_file_that_is_left_in_the_checkout(run_test):
    status, output, _ = run_test(A_FILE)
    assert status == 1 and "\nfile: left.txt\n" in output


def test_a_process_that_is_left(run_test):
    status, output, noted = run_test(A_PROCESS)
    os.kill(noted["pid"], signal.SIGKILL)
    assert status == 1 and "\nprocess: sleep 61\n" in output


def test_a_container_that_is_left(run_test, base_image):
    status, output, noted = run_test(A_CONTAINER, "base_image")
    assert status == 1 and "\ncontainer: " in output
    inspect = [DOCKER, "container", "inspect", noted["container"]]
    assert subprocess.run(inspect, capture_output=True).returncode != 0
    assert not images_of(noted["run"])


def test_images_and_temporary_files_are_removed(run_test, base_image):
    status, output, noted = run_test(WHAT_IS_REMOVED, "base_image")
    assert status == 0 and "left behind" not in output, output
    assert not os.path.exists(noted["folder"])
    assert not images_of(noted["run"])
