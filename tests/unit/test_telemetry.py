"""ONNX Runtime's telemetry is off: a start makes no file, no thread and no connection."""

import json
import re
import subprocess
import sys

import pytest

from scripts.project import ROOT, Project
from tests.handlers import with_rows
from tests.unit.toy import CUSTOMER

FOUND = """
import json, os
import lambda_function
lambda_function.lambda_handler({event!r}, None)
own = "/proc/self"
descriptors = [os.path.join(own, "fd", name) for name in os.listdir(own + "/fd")]
opened = [os.readlink(path) for path in descriptors if os.path.islink(path)]
print(json.dumps([len(os.listdir(own + "/task")), opened]))"""


def started(project, model, event, onnx_api, folder):
    """Answer an event in a new Python. Return its number of threads, its open files and the files
    in its HOME and TMPDIR.
    """
    environment = {
        "PYTHONPATH": f"{project.folder}:{ROOT}",
        "MODEL_PATH": str(model),
        "ONNX_API": onnx_api,
        "PATH": "",
    }
    # Without CI, where ONNX Runtime would stay silent anyway. numpy's OpenBLAS would make threads
    # of its own.
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-B", "-c", FOUND.format(event=event)]
    ran = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    threads, opened = json.loads(ran.stdout.splitlines()[-1])
    return threads, opened, [path.name for path in folder.rglob("*")]


@pytest.fixture
def tabular_start(tabular, toy, onnx_api, tmp_path):
    """Start a tabular project's handler and invoke it: threads, opened files, created files."""
    return started(tabular, toy, with_rows(tabular, [CUSTOMER]), onnx_api, tmp_path)


@pytest.fixture
def image_start(imaging, image_toy, tmp_path):
    """Start an image project's handler and invoke it: threads, opened files, created files."""
    event = json.loads(imaging.event_file.read_text())
    return started(imaging, image_toy, event, imaging.onnx_api, tmp_path)


def assert_silent(threads, opened, files):
    """Assert one thread, no created file, no socket, and no file of ONNX Runtime's telemetry."""
    assert (threads, files) == (1, [])
    assert not [name for name in opened if name.startswith("socket:") or "onnxruntime" in name]


@pytest.mark.linux
def test_a_start_with_customers_is_silent(tabular_start):
    assert_silent(*tabular_start)


@pytest.mark.linux
def test_a_start_with_images_is_silent(image_start):
    assert_silent(*image_start)


def test_importing_any_shared_module_turns_it_off_unless_the_variable_is_set():
    program = "import os, shared.training.archives; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, expected in ((None, "1"), ("0", "0")):
        environment = {"PYTHONPATH": str(ROOT)} | (
            {"ORT_DISABLE_TELEMETRY": given} if given else {}
        )
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == f"{expected}\n"


def test_images_and_the_template_turn_it_off():
    dockerfiles = [ROOT / name / "Dockerfile" for name in Project.names()] + [
        ROOT / "scripts/benchmark/baselines/Dockerfile"
    ]
    for path in dockerfiles:
        last_stage = path.read_text().rpartition("\nFROM ")[2]
        assert re.search(r"^ENV ORT_DISABLE_TELEMETRY=1$", last_stage, re.MULTILINE), path
    assert re.search(
        r'^ {10}ORT_DISABLE_TELEMETRY: "1"',
        (ROOT / "scripts/aws/template.yaml").read_text(),
        re.MULTILINE,
    )
