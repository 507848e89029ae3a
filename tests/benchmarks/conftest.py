"""One short run of `make benchmark` on a copied project."""

import json
import os
import subprocess
from types import SimpleNamespace

import pytest

from scripts.local.docker import DOCKER
from scripts.local.images import base_image as base_image_of
from scripts.project import checkout_id
from tests.checkout import Checkout
from tests.handlers import answer_to, example

SHORT = "--starts 1 --requests 20 --others 1 --copies 1 2 --seconds 0.2"


class Timed:
    """A copy of a project, under a name that only the tests use: whoever measures the project
    itself is not disturbed.
    """

    def __init__(self, root, project, frameworks):
        self.checkout, self.id = Checkout(root), checkout_id(root.resolve())
        self.name = f"timed-{self.id}-{project.name}"
        folder = self.checkout.copy(project, self.name, build=True)
        if not frameworks:  # whose own images have several GB
            for path in (folder / "build").glob("model.*"):
                if path.suffix != ".onnx":
                    path.unlink()
        # as its owner changes it: the answer's names are nobody else's business
        handler = folder / "lambda_function.py"
        for at, name in enumerate(
            answer_to(project, example(project))
        ):  # a key, and not the same word as the model's output
            handler.write_text(handler.read_text().replace(f'"{name}":', f'"renamed {at}":'))
        for note in (
            "trained.json",
            "exported.json",
        ):  # so that its model is used as it is, and not made again
            (folder / "build" / note).unlink()

    def make(self, arguments):
        """Exit status and output of `make benchmark`."""
        return self.checkout.make("benchmark", f"MODEL={self.name}", f"ARGS={arguments}")

    def run(self):
        """A whole run: what it printed, the JSON file, and the SVG's text."""
        status, output = self.make(SHORT)
        assert status == 0, output
        made = self.checkout.root / self.name / "build/benchmarks" / self.name
        found = json.loads(made.with_suffix(".json").read_text())
        return SimpleNamespace(output=output, found=found, svg=made.with_suffix(".svg").read_text())


@pytest.fixture(scope="module")
def beside(base_image, any_project):
    """Beside other tests, a container that runs as long as the benchmark, which therefore leaves
    the kernel's caches alone.

    Without it, those of the other tests would disturb the measure or not, depending on the moment.
    """
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        yield
        return
    command = [
        DOCKER,
        "run",
        "--detach",
        "--rm",
        "--entrypoint",
        "sleep",
        base_image_of(any_project),
        "infinity",
    ]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    yield
    subprocess.run([DOCKER, "rm", "--force", container], capture_output=True, check=True)


@pytest.fixture(scope="module")
def timed(beside, base_image, tabular, tmp_path_factory):
    """A tabular project with its framework's model."""
    return Timed(tmp_path_factory.mktemp("tabular") / "checkout", tabular, frameworks=True)


@pytest.fixture(scope="module")
def tabular_run(timed):
    """It beside its framework and the floor."""
    return timed.run()


@pytest.fixture(scope="module")
def imaging_run(beside, base_image, imaging, tmp_path_factory):
    """An image project beside the floor alone."""
    timed = Timed(tmp_path_factory.mktemp("imaging") / "checkout", imaging, frameworks=False)
    return timed.run()
