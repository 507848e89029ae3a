"""What the measures in a project's Dockerfile save: its image beside ones that are built without
one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scripts.benchmark.candidates import WHAT, Candidate, measured, onnx_apis
from scripts.local.build import run_build
from scripts.local.docker import build_command
from scripts.project import Project
from shared.errors import UserError

# Name: what it is, and what in the Dockerfile is replaced by what. `.` is any character but the end
# of a line.
WITHOUT = {
    "not-trimmed": (
        "packages as pip installs them",
        r"^RUN cd /packages (?:.*\\\n)+.*-delete$",
        "",
    ),
    "not-compiled": ("nothing compiled ahead", r"^RUN python3 -m compileall .*$", ""),
    "checked": ("sources looked at, at each import", "unchecked-hash", "timestamp"),
    "blas-threads": ("a thread of OpenBLAS for each core", r"^ENV OPENBLAS_NUM_THREADS=1$", ""),
    "boto3": (
        "boto3 imported at the start",
        r"^(COPY \$\{MODEL\}/lambda_function.py .*)$",
        r"\1\nRUN sed -i '1i import boto3' lambda_function.py",
    ),
}


@dataclass
class Variant(Candidate):
    """The project's image by a Dockerfile in which `pattern` is replaced."""

    pattern: str
    replacement: str

    def build(self) -> None:
        """Builds the image. Ends the program with one line where that fails, or where the
        Dockerfile has no such part.
        """
        text = (self.project.folder / "Dockerfile").read_text()
        text, count = re.subn(self.pattern, self.replacement, text, flags=re.MULTILINE)
        if not count:
            raise UserError(
                f"{self.project.name}/Dockerfile has nothing to leave out for `{self.what}`"
            )
        command = build_command(self.project)
        command[command.index("--file") + 1] = "-"
        run_build(command, self.project.image, quiet=True, dockerfile=text)


def variants_of(project: Project) -> list[Candidate]:
    """The project's image as it is built, by each way to run a model, and without each of the
    measures.
    """
    chosen, *others = sorted(onnx_apis(project), key=lambda onnx_api: onnx_api != project.onnx_api)
    found = [
        Candidate(
            onnx_api,
            f"{WHAT[onnx_api]}, as built",
            measured(project, onnx_api, onnx_api),
            project.folder,
            True,
        )
        for onnx_api in (chosen, *others)
    ]
    for name, (what, pattern, replacement) in WITHOUT.items():
        if name == "blas-threads" and chosen == "c":  # which has no numpy, and so no OpenBLAS
            continue
        mine = measured(project, name, chosen)
        found.append(Variant(name, what, mine, project.folder, True, pattern, replacement))
    return found
