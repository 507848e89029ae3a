"""Measure what each optimization of the image saves: build and start it without that one."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.benchmark.candidates import BASELINES, WHAT, Candidate, measured
from scripts.local.build import build, run_build
from scripts.local.docker import DOCKER
from scripts.local.images import build_flags, image_id, onnx_apis
from scripts.project import Project
from shared.errors import UserError

# Name: what it is, and the steps that shared/docker/optimize.py skips.
SKIPPED = {
    "not-trimmed": ("packages as pip installs them", "trim"),
    "not-compiled": ("nothing compiled ahead", "compile"),
    "checked": ("sources looked at, at each import", "unchecked"),
}
BLAS_THREADS, BOTO3 = "blas-threads", "boto3"
WITHOUT = (*SKIPPED, BLAS_THREADS, BOTO3)


@dataclass
class Skipping(Candidate):
    """The project's image, built with some steps skipped.

    skip: steps of shared/docker/optimize.py. whole: the image with all of them, built before.
    """

    skip: str
    whole: Project

    def build(self) -> None:
        """Build the image.

        Raises UserError if that fails, or if the Dockerfile does not skip the step.
        """
        build(self.project, quiet=True, arguments={"SKIP": self.skip})
        if image_id(self.image) == image_id(self.whole.image):
            raise UserError(
                f"{self.project.name}/Dockerfile builds the same image with SKIP={self.skip}: "
                "declare ARG SKIP, and pass it to shared/docker/optimize.py"
            )


@dataclass
class WithBoto3(Candidate):
    """The project's image, importing boto3 before its handler. whole: the image, built before."""

    whole: Project

    def build(self) -> None:
        """Build the image. Raises UserError if that fails."""
        command = [DOCKER, "build", "--tag", self.image]
        command += ["--build-arg", f"IMAGE={self.whole.image}"]
        command += build_flags(self.project)
        command += ["--file", str(BASELINES / "boto3.Dockerfile"), str(BASELINES / "empty")]
        run_build(command, self.image, quiet=True)


def variants_of(project: Project) -> list[Candidate]:
    """Return the project's image as built, for each ONNX API, and without each optimization."""
    chosen, *others = sorted(onnx_apis(project), key=lambda onnx_api: onnx_api != project.onnx_api)
    found = [
        Candidate(
            onnx_api,
            f"{WHAT[onnx_api]}, as built",
            measured(project, onnx_api, onnx_api),
            project.folder,
            has_model=True,
        )
        for onnx_api in (chosen, *others)
    ]
    whole = found[0].project
    for name, (what, skip) in SKIPPED.items():
        mine = measured(project, name, chosen)
        found.append(Skipping(name, what, mine, project.folder, True, skip, whole))
    if chosen == "python":  # the C API needs no NumPy, and so no OpenBLAS
        mine = measured(project, chosen, chosen)  # the same image: the variable is set at its start
        mine.environment["OPENBLAS_NUM_THREADS"] = ""
        what = "a thread of OpenBLAS for each core"
        found.append(Candidate(BLAS_THREADS, what, mine, project.folder, True))
    mine = measured(project, BOTO3, chosen)
    what = "boto3 imported at the start"
    found.append(WithBoto3(BOTO3, what, mine, project.folder, True, whole))
    return found
