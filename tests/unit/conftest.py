"""Handlers that serve toy models, with both ONNX APIs. Only fixtures of images import Pillow: other
projects do not have it.
"""

import importlib
import json
from pathlib import Path

import pytest

from scripts.project import ONNX_APIS
from shared.serving.sources import s3_objects
from tests.handlers import CONTEXT, load_handler
from tests.plugin import kind_of
from tests.unit.fake_s3 import FakeS3
from tests.unit.samples import of_images, of_rows
from tests.unit.servers import Internet
from tests.unit.toy import save_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The path of the toy model."""
    return save_toy(tmp_path_factory.mktemp("toy") / "model.onnx")


@pytest.fixture(scope="session", params=ONNX_APIS)
def onnx_api(request):
    """Each of the two ways to run a model."""
    return request.param


@pytest.fixture(scope="session")
def model_class(onnx_api):
    """The class OnnxModel of a runtime."""
    return importlib.import_module(f"shared.serving.onnx.{onnx_api}").OnnxModel


@pytest.fixture(scope="session")
def module(toy, onnx_api):
    """A function of the tests' own, on the toy model: what it shows is true of shared/serving,
    whatever a project's names.
    """
    return load_handler(Path(__file__).with_name("toy_function.py"), toy, onnx_api)


@pytest.fixture(scope="session")
def handler(module):
    """The handler as a function of an event."""
    return lambda event: module.lambda_handler(event, CONTEXT)


@pytest.fixture(scope="session")
def image_toy(tmp_path_factory):
    """The path of the toy image model."""
    from tests.unit.toy_image import save_image_toy

    return save_image_toy(tmp_path_factory.mktemp("toy") / "model.onnx")


@pytest.fixture(scope="session")
def image_module(imaging, image_toy):
    """An image project's lambda_function on the toy image model."""
    return load_handler(imaging.folder / "lambda_function.py", image_toy, imaging.onnx_api)


@pytest.fixture(scope="session")
def classify(image_module):
    """Its handler as a function of an event."""
    return lambda event: image_module.lambda_handler(event, CONTEXT)


@pytest.fixture(scope="session")
def own(project, onnx_api, request):
    """A project's own handler on the toy model of its kind, with requests and their answers: see
    samples.py.
    """
    if kind_of(project.name) == "tabular":
        return of_rows(project, request.getfixturevalue("toy"), onnx_api)
    return of_images(project, request.getfixturevalue("image_toy"), onnx_api)


@pytest.fixture(scope="session")
def photo():
    """The JPEG files of a photo of 12 million pixels, with as much detail as a camera gives it, and
    of its 400x300 copy.
    """
    from PIL import Image

    from tests.unit.toy_image import file_of, scene

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
    monkeypatch.setattr("shared.serving.images.download.MOST_BYTES", 300_000)
    with Internet(monkeypatch) as internet:
        yield internet


@pytest.fixture
def impatient(monkeypatch):
    """Limits of time that a test can wait for."""
    monkeypatch.setattr("shared.serving.images.download.TOTAL_SECONDS", 0.15)
    monkeypatch.setattr("shared.serving.images.download.CONNECT_SECONDS", 0.1)


@pytest.fixture
def s3(monkeypatch):
    """A client of S3 in memory, in place of boto3's."""
    fake = FakeS3()
    monkeypatch.setattr(s3_objects, "_client", fake)
    return fake


@pytest.fixture
def lines(capsys):
    """A function that gives the log lines printed since its last call."""
    capsys.readouterr()
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
