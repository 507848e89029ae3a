"""The Docker engine, asked and told through its command line. DOCKER=podman uses Podman instead."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from scripts.project import ROOT, Project
from shared.errors import UserError

DOCKER = os.environ.get("DOCKER") or "docker"
INSTALL = "install and start Docker (https://docs.docker.com/engine/install)"
ANSWER_LIMIT = 30  # seconds
PLATFORMS = {"x86_64": "amd64", "arm64": "arm64"}  # Lambda's word for an architecture, and Docker's


class NoEngine(NamedTuple):
    """Why no container can be run here, and what to do about it: two parts of a sentence."""

    reason: str
    advice: str


@functools.cache
def is_podman() -> bool:
    """Return whether the client is Podman, under whatever name: Debian's package podman-docker
    calls it docker.
    """
    try:
        asked = subprocess.run([DOCKER, "--version"], capture_output=True, text=True)
    except OSError:
        return Path(DOCKER).name.startswith("podman")
    return "podman" in asked.stdout.lower()


def no_engine() -> NoEngine | None:
    """Return why no container can be run here, or None. The client may be installed with no engine
    behind it: ask the engine.
    """
    try:
        asked = subprocess.run(
            [DOCKER, "ps", "--quiet"], capture_output=True, text=True, timeout=ANSWER_LIMIT
        )
    except FileNotFoundError:
        install = "install Podman (https://podman.io/docs/installation)" if is_podman() else INSTALL
        return NoEngine(f"{DOCKER} is not installed", install)
    except PermissionError:
        return NoEngine(
            f"{DOCKER} is not a program that this user may run", "set DOCKER to docker or podman"
        )
    except subprocess.TimeoutExpired:
        return NoEngine(
            f"{DOCKER} did not answer within {ANSWER_LIMIT} s",
            f"restart the engine, until `{DOCKER} ps` answers",
        )
    return None if asked.returncode == 0 else _explained(asked.stderr)


def _explained(stderr: str) -> NoEngine:
    """The cause and the advice in what a client printed whose engine ran nothing."""
    unreachable = re.search(
        r"cannot connect|failed to connect|error during connect|daemon (is )?running|refused",
        stderr,
        re.I,
    )
    if is_podman():
        if unreachable:
            machine = (
                "start Podman's machine (`podman machine init` once, then `podman machine start`)"
            )
            return NoEngine(f"no {DOCKER} engine answers", machine)
    elif "permission denied" in stderr.lower():
        group = (
            "add yourself to the group docker (`sudo usermod -aG docker $USER`) and log in again, "
            "or use sudo"
        )
        return NoEngine(f"this user may not use the {DOCKER} engine", group)
    elif unreachable:
        return NoEngine(
            f"no {DOCKER} engine answers",
            f"{INSTALL}; `sudo systemctl start docker` starts an installed one",
        )
    lines = stderr.strip().splitlines() or ["no reason given"]
    return NoEngine(f"`{DOCKER} ps` fails ({lines[-1][-300:]})", "mend that")


def why_no_engine() -> str | None:
    """Return why no container can be run here, or None."""
    found = no_engine()
    return found.reason if found else None


def require_engine(purpose: str = "") -> None:
    """Raise UserError, the cause and the advice, unless containers can be run here.

    purpose: what they are needed for, as a clause that ends with "so".
    """
    if found := no_engine():
        raise UserError(
            f"{found.reason}: {purpose}{' ' if purpose else ''}{found.advice}, then run this again"
        )


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
    command = [DOCKER, "image", "inspect", "--format", "{{json .Config.Entrypoint}}", image]
    inspected = subprocess.run(command, capture_output=True, text=True)
    return inspected.returncode == 0 and inspected.stdout.strip() not in ("null", "[]", '""')


def why_no_container(project: Project) -> str | None:
    """Why the project cannot run in a container on this machine, or None."""
    return why_no_engine() or why_no_base_image(project)


def build_command(project: Project) -> list[str]:
    """The `docker build` of a project. BUILD_FLAGS adds options, `--network host` say."""
    command = [DOCKER, "build", "--file", f"{project.name}/Dockerfile", "--tag", project.image]
    arguments = {
        "MODEL": project.name,
        "BASE_IMAGE": base_image(project),
        "ONNX_API": project.onnx_api,
    }
    arguments["MODEL_FILE"] = project.model_file.name
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
    limits = ["--read-only", "--tmpfs", "/tmp:size=512m", "--user", "993:990", "--cap-drop", "all"]
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


def _succeeds(*arguments: str) -> bool:
    return (
        subprocess.run(
            [DOCKER, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )
