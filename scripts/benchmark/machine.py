"""Describe the machine that the measurements are from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from scripts.local.docker import DOCKER
from scripts.local.images import base_image, image_size
from scripts.project import Project

ASKED = """
import json, os, platform
lines = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
cpu = lines[0].split(":", 1)[1].strip() if lines else platform.machine()
memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
print(json.dumps({
    "cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1),
    "kernel": platform.release(), "architecture": platform.machine(),
    "python": platform.python_version()}))
"""


def machine(project: Project) -> dict[str, str | int | float]:
    """Return the machine, the engine and the base image.

    A container reports them, because the engine may run in a virtual machine.
    """
    image = base_image(project)
    found = json.loads(_said("run", "--rm", "--entrypoint", "python3", image, "-c", ASKED))
    versions = json.loads(_said("version", "--format", "{{json .}}"))
    engine = versions.get("Server") or versions["Client"]  # Podman is both in one
    return {
        **found,
        "engine": f"{Path(DOCKER).name} {engine['Version']}",
        "base_image": image,
        "base_image_mb": round(image_size(image) / 10**6, 1),
    }


def folder_of_images() -> Path | None:
    """Return the folder where the engine keeps images, if it is on this machine."""
    asked = subprocess.run(
        [DOCKER, "info", "--format", "{{.DockerRootDir}}"], capture_output=True, text=True
    )
    folder = Path(asked.stdout.strip())
    return folder if asked.returncode == 0 and folder.is_absolute() and folder.exists() else None


def _said(*arguments: str) -> str:
    return subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=True).stdout
