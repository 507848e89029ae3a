"""`make demo`: one command, the same answer with and without a container, under any name, and nothing left behind."""

import json
import re
import shutil

import pytest

from scripts.emulator import free_port
from scripts.project import RUNTIMES
from shared.serving.onnx_model import OnnxModel
from tests.handlers import answer_to, example
from tests.processes import containers_with, running_with


def printed(output, what):
    """The JSON value on the line that begins with a word."""
    [line] = re.findall(rf"^{what} +(.*)$", output, re.MULTILINE)
    return json.loads(line)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_demo_shows_request_answer_and_measures(checkout, project, way, runtime):
    status, output = checkout.make("demo", f"MODEL={project.name}", f"PORT={free_port()}", f"RUNTIME={runtime}", **way)
    assert status == 0, output
    assert printed(output, "request") == example(project)
    assert printed(output, "answer") == answer_to(project, example(project))  # to the last digit, with and without a container
    for measure in [*OnnxModel(project.model_file).metadata["metrics"], "start-up"]:
        assert re.search(rf"^(test )?{measure} +[\d.e-]+", output, re.MULTILINE), measure
    assert ("without a container, because" in output) == bool(way)


def test_a_copy_of_the_folder_is_a_project_of_its_own(checkout, tabular, way):
    """As in the README: cp -r, nothing else. Once with what the first project had built, once without."""
    for name, with_build in ((f"copied-{tabular.name}", True), ("copied_without_build", False)):
        shutil.copytree(checkout.root / tabular.name, checkout.root / name)
        if not with_build:
            shutil.rmtree(checkout.root / name / "build")
        status, output = checkout.make("demo", f"MODEL={name}", f"PORT={free_port()}", **way)
        assert status == 0, output
        assert printed(output, "answer").keys() == answer_to(tabular, example(tabular)).keys()
        assert OnnxModel(checkout.root / name / "build/model.onnx").metadata["name"] == name


def test_a_second_run_makes_nothing_again(checkout, project):
    model = checkout.root / project.name / "build/model.onnx"
    before = model.stat().st_mtime_ns
    status, output = checkout.make("export", f"MODEL={project.name}")
    assert status == 0 and model.stat().st_mtime_ns == before, output


def test_training_arguments_are_remembered(checkout, tabular):
    build = checkout.root / tabular.name / "build"
    status, output = checkout.make("train", f"MODEL={tabular.name}", "ARGS=--seed 5")
    assert status == 0, output
    first = (build / "held-out.csv").read_text()
    (checkout.root / tabular.name / "train.py").touch()
    status, output = checkout.make("export", f"MODEL={tabular.name}")
    assert status == 0 and (build / "held-out.csv").read_text() == first, output


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("raise RuntimeError('at import')", "does not start"),
        ("def lambda_handler(event, context): raise RuntimeError('while answering')", "RuntimeError: while answering"),
        ("import time\ndef lambda_handler(event, context): time.sleep(20)", "timed out"),
    ],
)
def test_a_failing_function_ends_the_demo_with_its_reason(checkout, any_project, way, spoil, message):
    (checkout.root / any_project.name / "lambda_function.py").write_text(spoil)
    settings = checkout.root / any_project.name / "function.toml"
    settings.write_text(re.sub("timeout = .*", "timeout = 2", settings.read_text()))
    port = free_port()
    status, output = checkout.make("demo", f"MODEL={any_project.name}", f"PORT={port}", **way)
    assert status != 0 and message in output
    assert not re.search(r'File ".*scripts/', output), output
    assert not running_with(f"127.0.0.1:{port}") + containers_with(f"-{port}")
