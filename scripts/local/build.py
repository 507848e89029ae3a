"""Builds a project's container image."""

from __future__ import annotations

import argparse
import os
import subprocess

from scripts.local.docker import (
    base_image,
    build_command,
    has_entrypoint,
    require_engine,
    why_no_base_image,
)
from scripts.project import ROOT, Project
from shared.errors import UserError


def build(project: Project, quiet: bool = False) -> None:
    """Builds the project's image; quiet shows the builder's output only when it fails.

    Ends the program with one line where there is no engine, no base image or no model.
    """
    project.metadata()  # a model that cannot be loaded here could not be loaded there
    require_engine()
    if reason := why_no_base_image(project):
        raise UserError(f"{reason}: check the network, or set BASE_IMAGE")
    print(f"building {project.image} on {base_image(project)}", flush=True)
    run_build(build_command(project), project.image, quiet)
    require_entrypoint(project.image, f"its base image {base_image(project)}", "set BASE_IMAGE")


def require_entrypoint(image: str, culprit: str, fix: str) -> None:
    """Raise UserError where an image cannot start.

    culprit: what lacks the entrypoint; fix: how another one is chosen. Both are parts of the line.
    """
    if not has_entrypoint(image):
        raise UserError(
            f"{image} cannot start: {culprit} has no entrypoint, hence not Lambda's runtime; "
            f"{fix} to one of AWS's Lambda images, or to an image built on one"
        )


def run_build(command: list[str], image: str, quiet: bool, dockerfile: str | None = None) -> None:
    """Runs a `docker build`; quiet shows its output only when it fails. Ends the program with one
    line where it does.

    dockerfile: its text, where the command has `--file -`.
    """
    # BuildKit adds a list of what went in (an attestation), with which Lambda takes the image for
    # one of a wrong media type.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    built = subprocess.run(
        command, cwd=ROOT, input=dockerfile, capture_output=quiet, text=True, env=environment
    )
    if built.returncode:
        if quiet:
            print(built.stdout + built.stderr)
        raise UserError(f"building {image} failed: the reason is above")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the project folder")
    build(Project(parser.parse_args().model))


if __name__ == "__main__":
    main()
