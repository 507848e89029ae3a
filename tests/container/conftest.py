"""An image of each project, built once, and served under the emulator with Lambda's limits."""

import json
import subprocess
from contextlib import contextmanager

import pytest

from scripts.build import build
from scripts.docker import DOCKER
from scripts.emulator import Emulator, free_port
from scripts.invoke import Function


def docker(*arguments):
    ran = subprocess.run([DOCKER, *map(str, arguments)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def inside(project, program):
    """What a Python program in the image printed, as JSON."""
    return json.loads(docker("run", "--rm", "--entrypoint", "python3", project.image, "-c", program))


@contextmanager
def serving(project, memory, folder):
    """The project's image under the emulator, with memory in MB; gives the function, its log and its port."""
    project.memory, project.timeout = memory, 60
    log, port = folder / "log", free_port()
    with log.open("w") as output, Emulator(project, port, container=True, output=output):
        yield Function(endpoint_url=f"http://127.0.0.1:{port}"), log, port


@pytest.fixture(scope="module")
def image(project, base_image):
    build(project, quiet=True)
    return project
