"""A handler finds the same modules in a container and without one: a helper beside it, the packages
of its image, and nothing of training. A project's data does not go to the builder.
"""

import json
import signal
import subprocess

import pytest

from scripts.local.docker import DOCKER
from scripts.project import Project
from tests.commands.served import Served

FOUND = ["lambda_words", "shared.serving.app", "boto3"]
NOT_FOUND = [
    *("train", "words", "shared.training", "scripts.project", "tests"),
    *("onnx", "pandas", "pytest"),
]
HANDLER = """
import importlib, importlib.util
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False
def lambda_handler(event, context):
    return [name for name in {names!r} if there(name)]
"""


def test_a_handler_finds_what_its_image_has(checkout, any_project, way):
    folder = checkout.root / any_project.name
    names = [*FOUND, *NOT_FOUND, "numpy"]
    (folder / "lambda_function.py").write_text(HANDLER.format(names=names))
    for name in ("lambda_words.py", "words.py"):
        (folder / name).write_text("WORDS = []\n")
    served = Served(checkout, any_project, way)
    try:
        status, output = checkout.make(
            "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}"
        )
    finally:
        served.interrupt(signal.SIGINT)
    assert status == 0, output
    # With the C API, NumPy is not in the image.
    assert json.loads(output) == FOUND + ["numpy"] * (any_project.onnx_api == "python")


def test_a_helper_that_was_removed_is_not_found(checkout, any_project):
    """The folder of a run without a container is kept from the run before."""
    folder = checkout.root / any_project.name
    handler = HANDLER.format(names=["lambda_words"])
    (folder / "lambda_function.py").write_text(handler)
    answers = []
    for text in ("WORDS = []\n", None):
        if text:
            (folder / "lambda_words.py").write_text(text)
        else:
            (folder / "lambda_words.py").unlink()
        served = Served(checkout, any_project, {"DOCKER": "no-such-docker"})
        try:
            _, output = checkout.make(
                "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}"
            )
            answers.append(json.loads(output))
        finally:
            served.interrupt(signal.SIGINT)
    assert answers == [["lambda_words"], []]


@pytest.fixture
def context(checkout, base_image, any_project):
    """The files that the builder is sent, of a checkout with data in its folders."""
    for name in (f"{any_project.name}/data/big.csv", "data/photos/1.jpg", "shared/data/other.csv"):
        path = checkout.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    dockerfile = b"FROM scratch\nCOPY . /\n"
    (checkout.root / "shared/docker/all.Dockerfile").write_bytes(dockerfile)
    archive = checkout.root.parent / "context.tar"
    command = [DOCKER, "build", "--file", "shared/docker/all.Dockerfile", "--quiet", "."]
    built = subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, check=True)
    image = built.stdout.strip()
    made = subprocess.run(
        [DOCKER, "create", image, "none"], capture_output=True, text=True, check=True
    )
    try:
        with archive.open("wb") as file:
            subprocess.run([DOCKER, "export", made.stdout.strip()], stdout=file, check=True)
    finally:
        subprocess.run([DOCKER, "rm", made.stdout.strip()], capture_output=True, check=True)
        subprocess.run([DOCKER, "rmi", image], capture_output=True, check=True)
    listed = subprocess.run(["tar", "-tf", archive], capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if not name.endswith("/")}


def test_the_builder_is_sent_what_a_dockerfile_copies(context, any_project):
    sent = {name for name in context if name.split("/")[0] in {*Project.names(), "shared", "data"}}
    own = {name.partition("/")[2] for name in sent if name.startswith(f"{any_project.name}/")}
    assert {"lambda_function.py", "requirements.txt"} <= own
    assert own <= {
        *("lambda_function.py", "requirements.txt"),
        *("build/model.onnx", "build/model.int8.onnx"),
    }
    kept = {"serving", "docker", "__init__.py"}
    assert {name.split("/")[1] for name in sent if name.startswith("shared/")} == kept
    assert not [name for name in sent if name.startswith("data/") or name.endswith(".pyc")]
