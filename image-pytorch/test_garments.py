"""Tests of this model alone: its accuracy.

The file travels with a copy of the folder: keep here the tests of your model.
"""


def test_quality(project):
    assert project.metadata()["metrics"]["accuracy"] >= 0.84
