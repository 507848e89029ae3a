"""Find the Docker engine. DOCKER=podman uses Podman instead."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

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
    """Return the cause and the advice for an error message of the client."""
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
    return NoEngine(f"`{DOCKER} ps` fails ({lines[-1][-300:]})", "correct the cause")


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
