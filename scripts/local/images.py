"""A project's image: what it is built on, and the commands that build and run it."""

from __future__ import annotations

import os
import platform
import re
import subprocess

from scripts.local.docker import DOCKER, PLATFORMS, why_no_engine
from scripts.project import ROOT, Project
from shared.errors import UserError


def base_image(project: Project) -> str:
    """The image that the project's image is built on: BASE_IMAGE, or what its Dockerfile names."""
    if image := os.environ.get("BASE_IMAGE"):
        return image
    found = re.search(
        r"^ARG BASE_IMAGE=(\S+)", (project.folder / "Dockerfile").read_text(), re.MULTILINE
    )
    if not found:
        raise UserError(f"{project.name}/Dockerfile has no line ARG BASE_IMAGE=…")
    return found[1]


def why_no_base_image(project: Project) -> str | None:
    """Why the base image is neither here nor can be pulled, or None; pulls it if it is not here."""
    image = base_image(project)
    if _succeeds("image", "inspect", image):
        return None
    print(f"pulling {image}", flush=True)
    return (
        None if _succeeds("pull", "--quiet", image) else f"{image} is not here and cannot be pulled"
    )


def has_entrypoint(image: str) -> bool:
    """Whether an image says what starts its command: in Lambda's images that is the runtime."""
    return _inspected(image, "{{json .Config.Entrypoint}}") not in ("", "null", "[]", '""')


def image_id(image: str) -> str:
    """The checksum that names an image's content, "" where there is no such image."""
    return _inspected(image, "{{.Id}}")


def image_size(image: str) -> int:
    """Bytes of an image, without compression, as `docker image ls` shows them."""
    return int(_inspected(image, "{{.Size}}"))


def why_no_container(project: Project) -> str | None:
    """Why the project cannot run in a container on this machine, or None."""
    return why_no_engine() or why_no_base_image(project)


def build_command(project: Project, extra: dict[str, str] | None = None) -> list[str]:
    """The `docker build` of a project. BUILD_FLAGS adds options, `--network host` say.

    extra: further build arguments.
    """
    command = [DOCKER, "build", "--file", f"{project.name}/Dockerfile", "--tag", project.image]
    arguments = {
        "MODEL": project.name,
        "MODEL_FILE": project.model_file.name,
        "BASE_IMAGE": base_image(project),
        "ONNX_API": project.onnx_api,
        **(extra or {}),
    }
    command += [
        flag for key, value in arguments.items() for flag in ("--build-arg", f"{key}={value}")
    ]
    return [*command, *build_flags(project), str(ROOT)]


def build_flags(project: Project) -> list[str]:
    """The options that every build on behalf of a project has: its platform, and those of
    BUILD_FLAGS.
    """
    # The platform only where it is another: the oldest builders do not know the option.
    other = project.architecture != architecture_here()
    platform = ["--platform", f"linux/{PLATFORMS[project.architecture]}"] if other else []
    return [*platform, *os.environ.get("BUILD_FLAGS", "").split()]


def run_command(project: Project, port: int, name: str) -> list[str]:
    """The `docker run` of a project's image under the emulator, with the limits that Lambda
    sets.
    """
    limits = ["--read-only", "--tmpfs", "/tmp:size=512m"]  # noqa: S108 - inside the container
    limits += ["--user", "993:990", "--cap-drop", "all"]
    limits += [
        "--security-opt",
        "no-new-privileges",
        "--memory",
        f"{project.memory}m",
        "--memory-swap",
        f"{project.memory}m",
    ]
    variables = [
        flag for key, value in variables_of(project).items() for flag in ("--env", f"{key}={value}")
    ]
    return [
        DOCKER,
        "run",
        "--rm",
        "--name",
        name,
        "--publish",
        f"127.0.0.1:{port}:8080",
        *limits,
        *variables,
        project.image,
    ]


def architecture_here() -> str:
    """This machine's architecture, in Lambda's words."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def variables_of(project: Project) -> dict[str, str]:
    """The environment variables of a local run: Lambda's own for the size and time limit, and the
    project's.
    """
    limits = {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": project.memory,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": project.timeout,
    }
    return {key: str(value) for key, value in {**limits, **project.environment}.items()}


def _inspected(image: str, field: str) -> str:
    command = [DOCKER, "image", "inspect", "--format", field, image]
    inspected = subprocess.run(command, capture_output=True, text=True)
    return inspected.stdout.strip() if inspected.returncode == 0 else ""


def _succeeds(*arguments: str) -> bool:
    return (
        subprocess.run(
            [DOCKER, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )
