"""Training and export of the image projects: parity, repeatability, other photos, and the int8
model.
"""

import ast
import json
import os
import shutil

import numpy as np
import onnx
import pytest

from scripts.project import ROOT
from shared.errors import UserError
from shared.serving.onnx.model import OnnxModel
from shared.training.parity import run_in_batches, save_if_equal
from shared.training.quantize import save_int8_if_as_accurate
from tests.projects.pictures import packed, save_photos


@pytest.fixture
def run(copied, imaging):
    """Runs a script of the project in the copied checkout; gives its exit status and output."""
    return copied(imaging).run


@pytest.fixture
def build(copied, imaging):
    """The build folder there."""
    return copied(imaging).build


@pytest.fixture(scope="module")
def held_out(imaging):
    """The held-out test images, their classes, the framework's probabilities for them, and some
    training images.
    """
    with np.load(imaging.folder / "build/held-out.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def exact(imaging):
    """The float32 model's file, whichever of the two is served."""
    return imaging.folder / "build/model.onnx"


def test_parity_on_images_never_seen(exact, held_out):
    got = run_in_batches(OnnxModel(exact), {"image": held_out["images"]}, [50])
    assert np.abs(got - held_out["probabilities"]).max() <= 1e-5


def test_the_served_model_is_as_accurate_as_its_metadata_says(imaging, held_out):
    model = OnnxModel(imaging.model_file)
    got = run_in_batches(model, {"image": held_out["images"]}, [50])
    accuracy = np.mean(got.argmax(1) == held_out["classes"])
    assert abs(accuracy - model.metadata["metrics"]["accuracy"]) < 1e-9


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_an_image_has_the_same_answer_in_every_batch(imaging, held_out, size):
    model = OnnxModel(imaging.model_file)
    images = held_out["images"][:size]
    got = np.array(model.run({"image": images})["probabilities"])
    assert got.shape == (size, len(model.metadata["labels"]))
    assert np.abs(got - run_in_batches(model, {"image": images}, [5])).max() <= 1e-5
    assert np.abs(got.sum(1) - 1).max() <= 1e-5


def test_the_file_is_as_the_contract_says_and_tells_nothing_of_this_machine(imaging):
    model = onnx.load(imaging.model_file, load_external_data=False)
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    metadata = imaging.metadata()
    size = metadata["preprocessing"]["width"]
    assert shapes == {
        "image": ["batch", size, size, 3],
        "probabilities": ["batch", len(metadata["labels"])],
    }
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert str(ROOT).encode() not in imaging.model_file.read_bytes()


def test_metadata_has_what_the_handler_of_images_reads(imaging):
    metadata = imaging.metadata()
    assert metadata["metrics"].keys() == {"accuracy", "log_loss", "parity"} - (
        {"parity"} if imaging.quantized else set()
    )
    assert metadata["preprocessing"].keys() == {"width", "height", "channels", "resize"}


def test_classes_and_sizes_appear_nowhere_but_in_the_metadata(imaging):
    metadata = imaging.metadata()
    known = {*metadata["labels"], metadata["preprocessing"]["width"]}
    for path in [
        *(ROOT / "shared/serving").rglob("*.py"),
        imaging.folder / "lambda_function.py",
        imaging.folder / "function.toml",
    ]:
        if path.suffix == ".py":
            constants = {
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant)
            }
            assert not constants & known, path
        else:
            assert not any(str(word) in path.read_text() for word in known)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(run, build):
    def trained(*arguments):
        status, output = run("train.py", "--epochs", "1", *arguments)
        assert status == 0, output
        with np.load(build / "held-out.npz") as arrays:
            return arrays["probabilities"].tobytes(), (build / "metadata.json").read_text()

    first = trained()
    assert trained() == first
    assert trained("--seed", "7") != first


def test_photos_of_one_s_own(run, build, imaging, tmp_path):
    """A few photos, one epoch: not a good model, but the whole way of transfer learning, and of
    serving what came of it.
    """
    folder = save_photos(tmp_path / "photos", 8, ("train", "validation", "test"))
    takes_weights = "--weights" in (imaging.folder / "train.py").read_text()
    random = ["--weights", "none"] if takes_weights else []
    status, output = run(
        "train.py", "--data", packed(folder, tmp_path / "photos.zip"), "--epochs", "1", *random
    )
    assert status == 0 and "on 16 test images: accuracy" in output, output
    assert "<svg" in (build / "confusion-matrix.svg").read_text()
    status, output = run("export_onnx.py")
    assert status == 0, output
    model = OnnxModel(build / "model.onnx")
    assert model.metadata["labels"] == ["blue", "red"]
    assert model.metadata["metrics"]["parity"] <= 1e-5
    assert not list(build.glob("tmp*"))

    program = (
        "import base64, json, sys, lambda_function as f\n"
        "image = base64.b64encode(open(sys.argv[1], 'rb').read()).decode()\n"
        "print(json.dumps(f.predict({'image': image})))"
    )
    (build.parent / "ask.py").write_text(program)
    status, output = run("ask.py", folder / "test/red/0.jpg", MODEL_PATH=str(build / "model.onnx"))
    assert status == 0 and json.loads(output)["label"] in ("blue", "red"), output


def test_wrong_data_ends_in_one_line(run, imaging):
    status, output = run("train.py", "--data", "no/such/folder")
    assert (
        status == 1
        and output.startswith("no/such/folder does not exist: ")
        and output.count("\n") == 1
    )


def test_export_writes_nothing_when_the_answers_differ(imaging, exact, held_out, tmp_path):
    model, metadata = (
        onnx.load(exact),
        json.loads((imaging.folder / "build/metadata.json").read_text()),
    )
    images, expected = held_out["images"][:20], held_out["probabilities"][:20].copy()
    expected[17, 3] += 2e-5
    path = tmp_path / "model.onnx"
    with pytest.raises(
        UserError, match=r"differ from the framework's by up to 2e-05.*nothing was written"
    ):
        save_if_equal(
            model, path, {"name": "x", **metadata}, {"image": images}, expected, [1, 2, 7]
        )
    assert not list(tmp_path.iterdir())


def test_int8_is_smaller_and_nearly_as_accurate(run, build, held_out):
    status, output = run("export_onnx.py", "--int8")
    assert status == 0 and "model.int8.onnx, " in output, output
    exact, rounded = OnnxModel(build / "model.onnx"), OnnxModel(build / "model.int8.onnx")
    assert (build / "model.int8.onnx").stat().st_size < 0.6 * (build / "model.onnx").stat().st_size
    assert (
        rounded.metadata["labels"] == exact.metadata["labels"]
        and "parity" not in rounded.metadata["metrics"]
    )
    assert rounded.metadata["metrics"]["accuracy"] >= exact.metadata["metrics"]["accuracy"] - 0.005
    got = run_in_batches(rounded, {"image": held_out["images"]}, [50])
    assert np.abs(got.sum(1) - 1).max() <= 1e-5
    assert (
        abs(np.mean(got.argmax(1) == held_out["classes"]) - rounded.metadata["metrics"]["accuracy"])
        < 1e-9
    )


def test_int8_that_answers_worse_is_not_kept(imaging, exact, held_out, tmp_path):
    """Calibrated on black images alone, which say nothing of the values that real ones lead to."""
    target = tmp_path / "model.int8.onnx"
    shutil.copy(exact, target)  # of an earlier export
    metadata = {
        "name": imaging.name,
        **json.loads((imaging.folder / "build/metadata.json").read_text()),
    }
    dark = {**held_out, "calibration": np.zeros_like(held_out["calibration"][:8])}
    with pytest.raises(UserError) as ended:
        save_int8_if_as_accurate(exact, target, metadata, dark)
    assert "more than 0.5% would be lost, so no model.int8.onnx was written" in str(
        ended.value
    ) and "\n" not in str(ended.value)
    assert not os.listdir(tmp_path)
