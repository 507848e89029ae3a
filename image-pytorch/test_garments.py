"""Tests of this model alone: its accuracy.

The file travels with a copy of the folder: keep here the tests of your model.
"""


def test_quality(project):
    """The lowest accuracy that a training with the bundled images may have."""
    assert project.metadata()["metrics"]["accuracy"] >= 0.84
