"""What is compared: the project's own image in each of its ways to run a model, its framework's,
and the floor under both.
"""

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
from scripts.local.images import architecture_here, base_image, build_flags, image_size
from scripts.packages.lock_files import read_lock
from scripts.project import CHECKOUT, ONNX_APIS, ROOT, Project

BASELINES = ROOT / "scripts/benchmark/baselines"
# What a training leaves in build/: the folder of scripts/benchmark/baselines that serves it.
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
# MB, with which Lambda gives one vCPU: enough for every framework, and one thread for each
MEMORY = 1769
TIMEOUT = 120  # seconds


@dataclass
class Candidate:
    """An image to measure. project: the one that is compared, with this image's name, and the
    memory that all get.

    packages: the folder whose requirements.txt is in the image.
    """

    name: str
    what: str
    project: Project
    packages: Path
    has_model: bool

    @property
    def image(self) -> str:
        return self.project.image

    @property
    def is_framework(self) -> bool:
        """Whether it runs the framework's own model, and not the project's ONNX file."""
        return self.has_model and self.packages != self.project.folder

    def size(self) -> int:
        """Bytes of the image, the base image included."""
        return image_size(self.image)

    def build(self) -> None:
        """Builds the image. Ends the program with one line where that fails."""
        if self.packages == self.project.folder:
            build(self.project, quiet=True)
            return
        print(f"building {self.image} on {base_image(self.project)}", flush=True)
        with tempfile.TemporaryDirectory() as context:
            assemble(self.project, self.name, Path(context))
            command = [
                DOCKER,
                "build",
                "--tag",
                self.image,
                "--build-arg",
                f"BASE_IMAGE={base_image(self.project)}",
            ]
            run_build([*command, *build_flags(self.project), context], self.image, quiet=True)


def candidates_of(project: Project) -> list[Candidate]:
    """All that a project is compared with, itself first."""
    # The framework's own where the model file is there: a folder copied without its build/ has none
    # until it is trained.
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


def onnx_apis(project: Project) -> list[str]:
    """The ways to run a model between which its Dockerfile leaves the choice, the C API first."""
    return (
        sorted(ONNX_APIS)
        if "ARG ONNX_API" in (project.folder / "Dockerfile").read_text()
        else ["python"]
    )


def repository(name: str) -> str:
    """The repository of all images for the benchmarks of the project `name`: this checkout's alone,
    so it may be removed.
    """
    return f"{name}-benchmark-{CHECKOUT}"


def measured(project: Project, name: str, onnx_api: str) -> Project:
    """The project under the name of an image of its own, with what all images that are compared
    have alike.
    """
    mine = copy.copy(project)
    mine.image, mine.memory, mine.timeout = f"{repository(project.name)}:{name}", MEMORY, TIMEOUT
    mine.onnx_api = onnx_api
    mine.environment = {
        **project.environment,
        "ALLOW_PRIVATE_URLS": "1",
    }  # an image is fetched from inside the container
    mine.architecture = architecture_here()  # on an emulated processor times say nothing
    return mine


def assemble(project: Project, name: str, context: Path) -> None:
    """Puts all that a baseline's image is made of into a folder."""
    shutil.copy(BASELINES / "Dockerfile", context)
    shutil.copy(ROOT / "shared/docker/optimize.py", context)
    shutil.copy(BASELINES / name / "requirements.txt", context)
    # Names in the baseline's requirements, versions in the project's: they are written once.
    (context / "constraints.txt").write_text("\n".join(pinned(project)) + "\n")
    function = context / "function"
    function.mkdir()
    files = [file for file, framework in FRAMEWORKS.items() if framework == name]
    # A framework's image has the project's own handler, with the framework behind the interface
    # that ONNX Runtime has.
    shutil.copy((project.folder if files else BASELINES / name) / "lambda_function.py", function)
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
        if (
            name == "pytorch"
        ):  # whose file holds weights, and the project's code the network that they are of
            for code in project.folder.glob("*.py"):
                if code.name not in ("lambda_function.py", "train.py", "export_onnx.py"):
                    shutil.copy(code, function)


def pinned(project: Project) -> list[str]:
    """The locked versions of the project, for serving and for training, as requirements."""
    locks = project.folder.glob("requirements*.txt")
    # Without hashes: PyTorch's CPU build is not among the locked files.
    return sorted({pin.text.split("\\")[0].strip() for lock in locks for pin in read_lock(lock)})


def versions(candidate: Candidate) -> dict[str, str]:
    """The packages in its image and their versions, as the project pins them."""
    pins = dict(re.split("==|[ ;]", line)[:2] for line in pinned(candidate.project))
    names = [
        re.split("==|[ ;]", line)[0]
        for line in (candidate.packages / "requirements.txt").read_text().splitlines()
    ]
    left_out = {"numpy"} if candidate.project.onnx_api == "c" else set()  # installed, and not used
    return {name: pins[name] for name in names if name in pins and name not in left_out}
