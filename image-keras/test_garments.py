"""Tests of this model alone: its accuracy, and a download of its weights that fails.

The file travels with a copy of the folder: keep here the tests of your model.
"""

from tests.projects.pictures import save_photos


def test_quality(project):
    """The lowest accuracy that a training with the bundled images may have."""
    assert project.metadata()["metrics"]["accuracy"] >= 0.84


def test_imagenet_weights_that_cannot_be_downloaded(checkout, project, tmp_path):
    """Training without a network ends with one line. Port 9 refuses connections."""
    folder = save_photos(tmp_path / "photos", 6)
    offline = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path), "no_proxy": ""}
    status, output = checkout.python(f"{project.name}/train.py", "--data", folder, **offline)
    assert status == 1 and "Traceback" not in output
    assert output.splitlines()[1:] == [
        "Keras cannot download MobileNetV2's ImageNet weights: check the network, or train with "
        "--weights none"
    ]
