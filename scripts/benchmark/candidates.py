"""The images to compare: the project's own, one with its framework, and an empty function."""

from __future__ import annotations

import copy
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.local.build import build, run_build
from scripts.local.docker import DOCKER
from scripts.local.images import (
    architecture_here,
    base_image,
    build_flags,
    image_size,
    onnx_apis,
)
from scripts.packages.lock_files import read_lock
from scripts.project import CHECKOUT, ROOT, Project

BASELINES = ROOT / "scripts/benchmark/baselines"
# A file that training writes into build/: the folder of scripts/benchmark/baselines that serves it.
FRAMEWORKS = {"model.joblib": "sklearn", "model.keras": "keras", "model.pt": "pytorch"}
WHAT = {
    "c": "ONNX Runtime, C API",
    "python": "ONNX Runtime, Python API",
    "sklearn": "scikit-learn",
    "keras": "Keras in TensorFlow",
    "pytorch": "PyTorch",
    "onnxruntime": "only imports onnxruntime",
    "empty": "imports nothing",
}
MEMORY = 1769  # MB, for which Lambda gives one vCPU: enough for every framework
TIMEOUT = 120  # seconds


@dataclass
class Candidate:
    """An image to measure.

    what: its description; project: the project, with this image's name and the memory of all
    candidates; packages: the folder whose requirements.txt is in the image.
    """

    name: str
    what: str
    project: Project
    packages: Path
    has_model: bool

    @property
    def image(self) -> str:
        """Return the name of the image."""
        return self.project.image

    @property
    def is_framework(self) -> bool:
        """Return whether it runs the framework's model instead of the ONNX file."""
        return self.has_model and self.packages != self.project.folder

    def size(self) -> int:
        """Return the bytes of the image, including the base image."""
        return image_size(self.image)

    def build(self) -> None:
        """Build the image. Raises UserError when that fails."""
        if self.packages == self.project.folder:
            build(self.project, quiet=True)
            return
        print(f"building {self.image} on {base_image(self.project)}", flush=True)
        with tempfile.TemporaryDirectory() as context:
            assemble(self.project, self.name, Path(context))
            command = [DOCKER, "build", "--tag", self.image]
            command += ["--build-arg", f"BASE_IMAGE={base_image(self.project)}"]
            run_build([*command, *build_flags(self.project), context], self.image, quiet=True)


def candidates_of(project: Project) -> list[Candidate]:
    """Return all candidates for a project, its own image first."""
    # Only frameworks with a model file: a folder copied without build/ has none before training.
    frameworks = [
        name for file, name in FRAMEWORKS.items() if (project.folder / "build" / file).exists()
    ]
    own = onnx_apis(project)
    found = [
        Candidate(name, WHAT[name], measured(project, name, name), project.folder, has_model=True)
        for name in own
    ]
    for name in [*frameworks, "onnxruntime", "empty"]:
        mine = measured(project, name, "python")
        found.append(
            Candidate(name, WHAT[name], mine, BASELINES / name, has_model=name in frameworks)
        )
    return found


def repository(name: str) -> str:
    """Return the repository of a project's benchmark images.

    It belongs to this checkout alone, so its images may be removed.
    """
    return f"{name}-benchmark-{CHECKOUT}"


def measured(project: Project, name: str, onnx_api: str) -> Project:
    """Return a copy of the project for a candidate: its image, and the settings that all share."""
    mine = copy.copy(project)
    mine.image, mine.memory, mine.timeout = f"{repository(project.name)}:{name}", MEMORY, TIMEOUT
    mine.onnx_api = onnx_api
    # An image is downloaded from a server inside the container.
    mine.environment = {**project.environment, "ALLOW_PRIVATE_URLS": "1"}
    mine.architecture = architecture_here()  # times on an emulated processor are meaningless
    return mine


def assemble(project: Project, name: str, context: Path) -> None:
    """Fill a folder with the build context of a baseline's image."""
    shutil.copy(BASELINES / "Dockerfile", context)
    shutil.copy(ROOT / "shared/docker/optimize.py", context)
    shutil.copy(BASELINES / name / "requirements.txt", context)
    # Names in the baseline's requirements, versions in the project's: they are written once.
    (context / "constraints.txt").write_text("\n".join(pinned(project)) + "\n")
    function = context / "function"
    function.mkdir()
    files = [file for file, framework in FRAMEWORKS.items() if framework == name]
    # A framework's image has the project's own handler. The framework replaces ONNX Runtime behind
    # the same interface.
    for code in (project.folder if files else BASELINES / name).glob("lambda_*.py"):
        shutil.copy(code, function)
    for file in files:
        shutil.copy(project.folder / "build" / file, function)
        (function / "metadata.json").write_text(json.dumps(project.metadata()))
        shutil.copytree(
            ROOT / "shared/serving",
            function / "shared/serving",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(ROOT / "shared/__init__.py", function / "shared")
        shutil.copy(BASELINES / name / "model.py", function / "shared/serving/onnx/model.py")
        if name == "pytorch":  # its file holds weights; the network is in the project's code
            for code in project.folder.glob("*.py"):
                if code.name not in ("train.py", "export_onnx.py"):
                    shutil.copy(code, function)


def pinned(project: Project) -> list[str]:
    """Return the locked versions of the project, for serving and for training, as requirements."""
    locks = project.folder.glob("requirements*.txt")
    # Without hashes: PyTorch's CPU build is not among the locked files.
    return sorted({pin.text.split("\\")[0].strip() for lock in locks for pin in read_lock(lock)})


def versions(candidate: Candidate) -> dict[str, str]:
    """Return the packages in a candidate's image and their versions, as the project locks them."""
    pins = dict(re.split("==|[ ;]", line)[:2] for line in pinned(candidate.project))
    names = [
        re.split("==|[ ;]", line)[0]
        for line in (candidate.packages / "requirements.txt").read_text().splitlines()
    ]
    left_out = {"numpy"} if candidate.project.onnx_api == "c" else set()  # installed, and not used
    return {name: pins[name] for name in names if name in pins and name not in left_out}
