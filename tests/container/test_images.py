"""The image of an image project answers as the framework does, within 256 MB of memory."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from scripts.local.invoke import FunctionFailed
from shared.serving.onnx.model import OnnxModel
from shared.training.parity import run_in_batches
from tests.container.conftest import serving

LEAST_MEMORY = 256  # MB
AT_ONCE = 10  # images in a request


@pytest.fixture(scope="module")
def served(imaging_image, tmp_path_factory):
    """The image under the emulator, with the least memory."""
    with serving(imaging_image, LEAST_MEMORY, tmp_path_factory.mktemp("log")) as served:
        yield served


def request_of(image, kind, **options):
    """{"image": …} with an image of Pillow's as a file."""
    file = BytesIO()
    image.save(file, kind, **options)
    return {"image": base64.b64encode(file.getvalue()).decode()}


def test_the_answers_are_the_framework_s_for_200_images(imaging_image, served):
    """Or, where an int8 model is served, that model's: it is not meant to be equal."""
    function, _, _ = served
    with np.load(imaging_image.folder / "build/held-out.npz") as held_out:
        images, expected = held_out["images"][:200], held_out["probabilities"][:200]
    if imaging_image.quantized:
        expected = run_in_batches(OnnxModel(imaging_image.model_file), {"image": images}, [AT_ONCE])
    requests = [request_of(Image.fromarray(image), "PNG") for image in images]
    answers = []
    for start in range(0, len(requests), AT_ONCE):
        answers += function({"images": requests[start : start + AT_ONCE]})["predictions"]
    labels = imaging_image.metadata()["labels"]
    got = np.array([[answer["probabilities"][label] for label in labels] for answer in answers])
    assert np.abs(got - expected).max() <= 1e-5
    assert [answer["label"] for answer in answers] == [labels[number] for number in got.argmax(1)]


def test_a_photo_of_12_megapixels_fits_into_the_memory(served):
    function, _, _ = served
    image = Image.effect_noise((1000, 750), 60).resize((4000, 3000)).convert("RGB")
    answer = function(request_of(image, "JPEG", quality=75))
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-5


def test_a_refusal_comes_through(served):
    function, _, _ = served
    with pytest.raises(FunctionFailed, match=r"InvalidInput: .*image"):
        function({"image": base64.b64encode(b"no image").decode()})
