"""`make demo`: one command, the same answer with and without a container, under any name, and
nothing left behind.
"""

import copy
import json
import re

import onnx
import pytest
from onnx import numpy_helper

from scripts.local.ports import free_port
from scripts.project import ONNX_APIS
from shared.serving.onnx.model import OnnxModel
from tests.handlers import answer_to, example
from tests.processes import containers_with, running_with


def printed(output, what):
    """The JSON value on the line that begins with a word."""
    [line] = re.findall(rf"^{what} +(.*)$", output, re.MULTILINE)
    return json.loads(line)


@pytest.mark.parametrize("onnx_api", ONNX_APIS)
def test_demo_shows_request_answer_and_measures(checkout, project, way, onnx_api):
    status, output = checkout.make(
        "demo", f"MODEL={project.name}", f"PORT={free_port()}", f"ONNX_API={onnx_api}", **way
    )
    assert status == 0, output
    assert printed(output, "request") == example(project)
    assert printed(output, "response") == answer_to(
        project, example(project)
    )  # to the last digit, with and without a container
    for measure in [*OnnxModel(project.model_file).metadata["metrics"], "start-up"]:
        assert re.search(rf"^(test )?{measure} +[\d.e-]+", output, re.MULTILINE), measure
    assert ("without a container, because" in output) == bool(way)


@pytest.mark.parametrize("with_build", [True, False])
def test_a_copy_of_the_folder_is_a_project_of_its_own(checkout, tabular, request, with_build):
    """As in the README: cp -r, nothing else; with what the first project had built, and without.

    Both ways of serving take the model that the first of them trains.
    """
    name = f"copied-{tabular.name}" if with_build else "copied_without_build"
    checkout.copy(tabular, name, build=with_build)

    def demo(**variables):
        status, output = checkout.make("demo", f"MODEL={name}", f"PORT={free_port()}", **variables)
        assert status == 0, output
        assert printed(output, "response").keys() == answer_to(tabular, example(tabular)).keys()

    demo(DOCKER="no-such-docker")
    assert OnnxModel(checkout.root / name / "build/model.onnx").metadata["name"] == name
    request.getfixturevalue("base_image")
    demo()


def set_quantized(folder, value):
    """Sets `quantized` in a project's function.toml, whatever it was before, to a TOML value."""
    settings = folder / "function.toml"
    text = re.sub("^quantized.*\n", "", settings.read_text(), flags=re.MULTILINE)
    settings.write_text(f"quantized = {value}\n{text}")


def save_without_weights(source, target):
    """Saves a model with weights of 0 in all layers: it gives the same answer to every image."""
    model = onnx.load(source)
    for weights in model.graph.initializer:
        if weights.data_type == onnx.TensorProto.FLOAT and len(weights.dims) > 1:
            zeros = 0 * numpy_helper.to_array(weights)
            weights.CopyFrom(numpy_helper.from_array(zeros, weights.name))
    onnx.save(model, target)


def test_the_int8_model_is_served_by_a_setting(checkout, imaging, way):
    folder, port = checkout.root / imaging.name, free_port()
    rounded = folder / "build/model.int8.onnx"
    rounded.unlink(missing_ok=True)

    def demo():
        return checkout.python("scripts/local/demo.py", imaging.name, "--port", port, **way)

    set_quantized(folder, "true")
    status, output = demo()
    assert status == 1 and output == (
        f"{imaging.name} has no model.int8.onnx yet: run `make export MODEL={imaging.name} "
        "ARGS=--int8`, "
        "or set quantized = false in its function.toml\n"
    )
    save_without_weights(folder / "build/model.onnx", rounded)
    status, output = demo()
    assert status == 0, output
    of_int8 = printed(output, "response")
    set_quantized(folder, "false")
    status, output = demo()
    assert status == 0, output
    unquantized = copy.copy(imaging)
    unquantized.model_file = imaging.folder / "build/model.onnx"
    assert printed(output, "response") == answer_to(unquantized, example(imaging)) != of_int8


@pytest.mark.parametrize("value", ['"yes"', "1"])
def test_a_setting_that_is_not_true_or_false(checkout, any_project, value):
    set_quantized(checkout.root / any_project.name, value)
    status, output = checkout.python("scripts/local/build.py", any_project.name)
    assert (
        status == 1
        and output.count("\n") == 1
        and "quantized" in output
        and "function.toml" in output
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("raise RuntimeError('at import')", "does not start"),
        (
            "def lambda_handler(event, context): raise RuntimeError('while answering')",
            "RuntimeError: while answering",
        ),
        ("import time\ndef lambda_handler(event, context): time.sleep(20)", "timed out"),
    ],
)
def test_a_failing_function_ends_the_demo_with_its_reason(
    checkout, any_project, way, spoil, message
):
    (checkout.root / any_project.name / "lambda_function.py").write_text(spoil)
    settings = checkout.root / any_project.name / "function.toml"
    settings.write_text(re.sub("timeout = .*", "timeout = 2", settings.read_text()))
    port = free_port()
    status, output = checkout.make("demo", f"MODEL={any_project.name}", f"PORT={port}", **way)
    assert status != 0 and message in output
    assert not re.search(r'File ".*scripts/', output), output
    assert not running_with(f"127.0.0.1:{port}") + containers_with(f"-{port}")
