"""The handler of each project, serving a toy model, on both ways to run it."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from scripts.project import RUNTIMES
from tests.unit.servers import Internet
from tests.unit.toy import save_toy
from tests.unit.toy_image import file_of, save_image_toy, scene

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


@pytest.fixture(scope="session")
def image_toy(tmp_path_factory):
    """The path of the toy image model."""
    return save_image_toy(tmp_path_factory.mktemp("toy") / "model.onnx")


@pytest.fixture(scope="session")
def image_module(imaging, image_toy):
    """An image project's lambda_function on the toy image model."""
    return load_handler(imaging.folder, image_toy, imaging.runtime)


@pytest.fixture(scope="session")
def classify(image_module):
    """Its handler as a function of an event."""
    return lambda event: image_module.lambda_handler(event, CONTEXT)


@pytest.fixture(scope="session")
def photo():
    """The JPEG files of a photo of 12 million pixels, with as much detail as a camera gives it, and of its 400x300 copy."""
    image = scene((1000, 750)).resize((4000, 3000), Image.Resampling.BICUBIC)
    noise, tile = Image.new("L", image.size), Image.effect_noise((1000, 750), 60)
    for left in range(0, 4000, 1000):
        for top in range(0, 3000, 750):
            noise.paste(tile, (left, top))
    image = Image.blend(image, noise.convert("RGB"), 0.1)
    copy = image.resize((400, 300), Image.Resampling.LANCZOS)
    return file_of(image, "JPEG", quality=90), file_of(copy, "JPEG", quality=90)


@pytest.fixture
def internet(monkeypatch):
    """A stand-in for the internet, on this machine alone."""
    monkeypatch.delenv("ALLOW_PRIVATE_URLS", raising=False)
    monkeypatch.setattr("shared.serving.fetch.MOST_BYTES", 300_000)
    with Internet(monkeypatch) as internet:
        yield internet


@pytest.fixture
def impatient(monkeypatch):
    """Limits of time that a test can wait for."""
    monkeypatch.setattr("shared.serving.fetch.TOTAL_SECONDS", 0.15)
    monkeypatch.setattr("shared.serving.fetch.CONNECT_SECONDS", 0.1)


@pytest.fixture
def lines(capsys):
    """A function that gives the log lines printed since its last call."""
    capsys.readouterr()
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
