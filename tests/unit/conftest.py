"""The handler of each tabular project, serving the toy model, on both ways to run it."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import pytest

from scripts.project import RUNTIMES
from tests.unit.toy import save_toy

CONTEXT = SimpleNamespace(aws_request_id="request-1")


def load_handler(folder, model, runtime):
    """The module lambda_function of a project, as Lambda would load it, on another model file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_PATH", str(model))
        patch.setenv("RUNTIME", runtime)
        patch.delitem(sys.modules, "shared.serving.onnx_model", raising=False)  # it looks at RUNTIME once, when it is loaded
        spec = importlib.util.spec_from_file_location("lambda_function", folder / "lambda_function.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The path of the toy model."""
    return save_toy(tmp_path_factory.mktemp("toy") / "model.onnx")


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request):
    """Each of the two ways to run a model."""
    return request.param


@pytest.fixture(scope="session")
def model_class(runtime):
    """The class OnnxModel of a runtime."""
    return importlib.import_module(f"shared.serving.onnx_{runtime}").OnnxModel


@pytest.fixture(scope="session")
def module(tabular, toy, runtime):
    """A tabular project's lambda_function on the toy model."""
    return load_handler(tabular.folder, toy, runtime)


@pytest.fixture(scope="session")
def handler(module):
    """The handler as a function of an event."""
    return lambda event: module.lambda_handler(event, CONTEXT)


@pytest.fixture
def lines(capsys):
    """A function that gives the log lines printed since its last call."""
    capsys.readouterr()
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
