"""What is true of this model alone: how often it is right about Fashion-MNIST's test images.

It travels with a copy of the folder: keep here what is true of your model.
"""


def test_quality(project):
    assert project.metadata()["metrics"]["accuracy"] >= 0.84
