"""On what was measured: a measurement of another machine, engine or version is another measurement."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from pathlib import Path

from scripts.docker import DOCKER, base_image
from scripts.project import Project

ASKED = """
import glob, json, platform
cpu = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
print(json.dumps({"cpu": cpu[0] if cpu else platform.machine(), "cores": len(cpu) or None, "python": platform.python_version()}))
"""


def machine(project: Project) -> dict[str, str | int | float]:
    """The machine, the engine and the base image. A container is asked, because the engine may run in a virtual machine."""
    image = base_image(project)
    inside = json.loads(_said("run", "--rm", "--entrypoint", "python3", image, "-c", ASKED))
    server = json.loads(_said("version", "--format", "{{json .Server}}"))
    [found] = json.loads(_said("image", "inspect", image))
    memory = re.search(r"MemTotal: +(\d+)", _said("run", "--rm", "--entrypoint", "cat", image, "/proc/meminfo"))
    return {
        "cpu": inside["cpu"],
        "cores": inside["cores"],
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else 0,
        "kernel": server.get("KernelVersion") or platform.release(),
        "engine": f"{Path(DOCKER).name} {server['Version']}",
        "architecture": found["Architecture"],
        "base_image": image,
        "base_image_mb": round(found["Size"] / 10**6, 1),
        "python": inside["python"],
    }


def _said(*arguments: str) -> str:
    return subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=True).stdout
