"""A project's image: its base image, and the commands that build and run it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from scripts.local.docker import DOCKER, PLATFORMS, why_no_engine
from scripts.project import ROOT, Project
from scripts.settings import ONNX_APIS
from shared.errors import UserError

# The path of the model in a local container, and in the build an unused one, if function.toml has
# model = "s3://…": the image then has no model.
MODEL_MOUNT = "/model.onnx"


def base_image(project: Project) -> str:
    """Return the base image of a project: BASE_IMAGE, or the default in its Dockerfile.

    Raises UserError when the Dockerfile has none.
    """
    if image := os.environ.get("BASE_IMAGE"):
        return image
    found = re.search(
        r"^ARG BASE_IMAGE=(\S+)", (project.folder / "Dockerfile").read_text(), re.MULTILINE
    )
    if not found:
        raise UserError(f"{project.name}/Dockerfile has no line ARG BASE_IMAGE=…")
    return found[1]


def why_no_base_image(project: Project) -> str | None:
    """Pull the base image unless it is here. Returns why that fails, or None."""
    image = base_image(project)
    if _succeeds("image", "inspect", image):
        return None
    print(f"pulling {image}", flush=True)
    is_pulled = _succeeds("pull", "--quiet", image)
    return None if is_pulled else f"{image} is not here and cannot be pulled"


def onnx_apis(project: Project) -> list[str]:
    """Return the ONNX APIs that a project's Dockerfile supports, the C API first."""
    dockerfile = (project.folder / "Dockerfile").read_text()
    return sorted(ONNX_APIS) if "ARG ONNX_API" in dockerfile else ["python"]


def has_entrypoint(image: str) -> bool:
    """Return whether an image has an entrypoint. In Lambda's images it is the runtime."""
    return _inspected(image, "{{json .Config.Entrypoint}}") not in ("", "null", "[]", '""')


def image_id(image: str) -> str:
    """Return the checksum of an image, "" when there is no such image."""
    return _inspected(image, "{{.Id}}")


def image_size(image: str) -> int:
    """Return the uncompressed bytes of an image, as `docker image ls` shows them."""
    return int(_inspected(image, "{{.Size}}"))


def why_no_container(project: Project) -> str | None:
    """Return why the project cannot run in a container on this machine, or None."""
    return why_no_engine() or why_no_base_image(project)


def build_command(project: Project, extra: dict[str, str] | None = None) -> list[str]:
    """Return the `docker build` command of a project. BUILD_FLAGS adds options to it.

    extra: further build arguments.
    """
    command = [DOCKER, "build", "--file", f"{project.name}/Dockerfile", "--tag", project.image]
    arguments = {
        "MODEL": project.name,
        "MODEL_FILE": project.model_file.name,
        "BASE_IMAGE": base_image(project),
        "ONNX_API": project.onnx_api,
        **({"MODEL_TARGET": MODEL_MOUNT} if project.model_folder else {}),
        **(extra or {}),
    }
    command += [
        flag for key, value in arguments.items() for flag in ("--build-arg", f"{key}={value}")
    ]
    return [*command, *build_flags(project), str(ROOT)]


def build_flags(project: Project) -> list[str]:
    """Return the options of every build for a project: its platform, and BUILD_FLAGS."""
    # The platform only if it is not this machine's: the oldest builders do not know the option.
    other = project.architecture != architecture_here()
    platform = ["--platform", f"linux/{PLATFORMS[project.architecture]}"] if other else []
    return [*platform, *os.environ.get("BUILD_FLAGS", "").split()]


def run_command(project: Project, port: int, name: str) -> list[str]:
    """Return the `docker run` command of a project's image, with the limits that Lambda sets."""
    limits = ["--read-only", "--tmpfs", "/tmp:size=512m"]  # noqa: S108 - inside the container
    limits += ["--user", "993:990", "--cap-drop", "all"]
    limits += ["--security-opt", "no-new-privileges"]
    limits += ["--memory", f"{project.memory}m", "--memory-swap", f"{project.memory}m"]
    variables = variables_of(project)
    if project.model_folder:  # the model is not in the image
        variables["MODEL_PATH"] = MODEL_MOUNT
        limits += ["--volume", f"{project.model_file}:{MODEL_MOUNT}:ro,z"]  # z: for SELinux
    flags = [flag for key, value in variables.items() for flag in ("--env", f"{key}={value}")]
    command = [DOCKER, "run", "--rm", "--name", name, "--publish", f"127.0.0.1:{port}:8080"]
    return [*command, *limits, *flags, project.image]


def architecture_here() -> str:
    """Return this machine's architecture, as Lambda calls it."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def variables_of(project: Project) -> dict[str, str]:
    """Return the environment variables of a local run: Lambda's limits, and the project's own."""
    limits = {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": project.memory,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": project.timeout,
    }
    return {key: str(value) for key, value in {**limits, **project.environment}.items()}


def environment_on_host(project: Project, model_file: Path) -> dict[str, str]:
    """Return the environment of the handler without a container.

    Nothing of the user's environment is in it: as in a container, and without AWS credentials.
    """
    own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ORT_DISABLE_TELEMETRY": "1"}
    own |= {"MODEL_PATH": str(model_file), "ONNX_API": project.onnx_api}
    return {**own, **variables_of(project)}


def _inspected(image: str, field: str) -> str:
    """Return a field of an image, "" if there is no such image."""
    command = [DOCKER, "image", "inspect", "--format", field, image]
    inspected = subprocess.run(command, capture_output=True, text=True)
    return inspected.stdout.strip() if inspected.returncode == 0 else ""


def _succeeds(*arguments: str) -> bool:
    """Return whether a docker command succeeds."""
    ran = subprocess.run([DOCKER, *arguments], capture_output=True)
    return ran.returncode == 0
