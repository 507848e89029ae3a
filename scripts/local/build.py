"""Build a project's container image."""

from __future__ import annotations

import argparse
import os
import subprocess

from scripts.local.docker import require_engine
from scripts.local.images import base_image, build_command, has_entrypoint, why_no_base_image
from scripts.project import ROOT, Project
from shared.errors import UserError


def build(project: Project, quiet: bool = False, arguments: dict[str, str] | None = None) -> None:
    """Build the project's image.

    quiet: show the builder's output only when it fails. arguments: further build arguments.
    Raises UserError if there is no engine, no base image or no model.
    """
    project.metadata()  # a model that cannot be loaded here could not be loaded there
    require_engine()
    if reason := why_no_base_image(project):
        raise UserError(f"{reason}: check the network, or set BASE_IMAGE")
    print(f"building {project.image} on {base_image(project)}", flush=True)
    run_build(build_command(project, arguments), project.image, quiet)
    require_entrypoint(project.image, f"its base image {base_image(project)}", "set BASE_IMAGE")


def require_entrypoint(image: str, culprit: str, fix: str) -> None:
    """Raise UserError if an image cannot start.

    culprit: what lacks the entrypoint; fix: how another one is chosen. Both are parts of the line.
    """
    if not has_entrypoint(image):
        raise UserError(
            f"{image} cannot start: {culprit} has no entrypoint, hence not Lambda's runtime; "
            f"{fix} to one of AWS's Lambda images, or to an image built on one"
        )


def run_build(command: list[str], image: str, quiet: bool) -> None:
    """Run a `docker build`. Raises UserError when it fails.

    quiet: show its output only then.
    """
    # BuildKit adds an attestation, a list of what went in. Lambda then rejects the image's media
    # type.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=quiet, text=True, env=environment)
    if built.returncode:
        if quiet:
            print(built.stdout + built.stderr)
        raise UserError(f"building {image} failed: the reason is above")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the project folder")
    build(Project(parser.parse_args().model))


if __name__ == "__main__":
    main()
