"""Projects' handlers, called without a server: in this process, or in one of their own."""

import functools
import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from scripts.project import ROOT

CONTEXT = SimpleNamespace(aws_request_id="request-1")
PREDICT = (
    "import json, sys, lambda_function as f; print(json.dumps(f.predict(json.load(sys.stdin))))"
)


def load_handler(path, model, onnx_api):
    """The module lambda_function of a file, as Lambda would load it, on a model file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_PATH", str(model))
        patch.setenv("ONNX_API", onnx_api)
        patch.delitem(
            sys.modules, "shared.serving.onnx.model", raising=False
        )  # it looks at ONNX_API once, when it is loaded
        spec = importlib.util.spec_from_file_location("lambda_function", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def example(project):
    """The project's example request."""
    return json.loads(project.event_file.read_text())


def answer_to(project, request):
    """The answer of the project's own handler and model, in a process of its own."""
    return _answered(project, json.dumps(request))


@functools.cache
def _answered(project, request):
    """The answer to a request as JSON: asked once in a run."""
    environment = {"MODEL_PATH": str(project.model_file), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PREDICT]
    ran = subprocess.run(
        command,
        cwd=project.folder,
        env=environment,
        input=request,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def with_rows(project, rows):
    """A request of a tabular project with a list of rows."""
    return {project.request_keys()[1]: rows}


def row_of(project):
    """The row in a tabular project's example."""
    one, many = project.request_keys()
    request = example(project)
    return request[one] if one in request else request[many][0]


def probability_of(answer):
    """The probability in an answer of a binary classifier, whatever its name: the one number."""
    [found] = [value for value in answer.values() if type(value) is float]
    return found


def numbers_of(answer, metadata):
    """Return the numbers of a response as the framework gives them: the probabilities of all
    classes, or the one number of a regression.
    """
    if "threshold" in metadata:
        return [1 - probability_of(answer), probability_of(answer)]
    if "labels" in metadata:
        return [answer["probabilities"][label] for label in metadata["labels"]]
    return [probability_of(answer)]


def decision_of(answer):
    """The decision in an answer of a binary classifier, whatever its name: true or false."""
    [found] = [value for value in answer.values() if type(value) is bool]
    return found
