"""An image of each project, built once, and served under the emulator with Lambda's limits."""

import json
import os
import subprocess
from contextlib import contextmanager

import pytest

from scripts.local.build import build
from scripts.local.docker import DOCKER
from scripts.local.emulator import Emulator
from scripts.local.images import onnx_apis
from scripts.local.invoke import Function
from scripts.local.ports import free_port
from scripts.project import Project
from tests.plugin import chosen, of_kind


def docker(*arguments):
    """Run a docker command that must succeed; return its output."""
    ran = subprocess.run([DOCKER, *map(str, arguments)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def inside(project, program):
    """Run a Python program in the image; return the JSON that it prints."""
    return json.loads(
        docker("run", "--rm", "--entrypoint", "python3", project.image, "-c", program)
    )


@contextmanager
def serving(project, memory, folder):
    """The project's image under the emulator, with memory in MB; gives the function, its log and
    its port.
    """
    project.memory, project.timeout = memory, 60
    log, port = folder / "log", free_port()
    with log.open("w") as output, Emulator(project, port, container=True, output=output):
        yield Function(endpoint_url=f"http://127.0.0.1:{port}"), log, port


def pytest_generate_tests(metafunc):
    """A test that takes `image` runs for each image that can be built; the other two for those of
    one kind of project.
    """
    names = chosen(metafunc.config)
    for fixture, kind in {
        "image": None,
        "tabular_image": "tabular",
        "imaging_image": "imaging",
    }.items():
        if fixture in metafunc.fixturenames:
            pairs: list = [
                (name, way)
                for name in (of_kind(kind, names) if kind else names)
                for way in onnx_apis(Project(name))
            ]
            ids = ["-".join(pair) for pair in pairs] or ["none"]  # tests/plugin.py deselects those
            metafunc.parametrize(fixture, pairs or [None], ids=ids, indirect=True, scope="module")


@pytest.fixture(scope="module")
def image(request, base_image):
    """A project whose image is built, under a name that only the tests of this process use."""
    name, onnx_api = request.param
    project = Project(name)
    project.image, project.onnx_api = f"{project.image}-test-{onnx_api}-{os.getpid()}", onnx_api
    build(project, quiet=True)
    return project


tabular_image = imaging_image = image
