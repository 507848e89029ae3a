"""Install locked packages with uv, and uv itself with pip; every file is checked by its hash."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.packages.lock_files import Pin
from shared.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
CUDA = re.compile(r"nvidia-|cuda-|triton$")  # dependencies of PyPI's torch, not of a CPU build
PROGRESS = ("Collecting", "Downloading", "Building", "Installing", "Prepared")
UNREACHABLE = ("NewConnectionError", "Connection to", "Max retries", "error sending request")


@dataclass(frozen=True)
class Target:
    """What to install into: the Python of an environment, a folder, and what to call the packages.

    packages: a folder to install into instead of the environment; None for the environment.
    """

    python: Path
    folder: Path
    label: str
    packages: Path | None = None


def install(target: Target, pins: list[Pin], uv: Path | None) -> None:
    """Install locked packages and nothing else: no dependency that is not locked.

    uv: the program to install with, or None to install with the environment's own pip. The output
    is written to install.log in the environment.
    """
    if uv and sys.platform == "linux":
        pins = _with_cpu_torch(target, pins, uv)
    print(f"installing {target.label}", flush=True)
    packages = target.folder / "packages.txt"
    packages.write_text("".join(pin.text for pin in pins))
    checked = ["install", "--require-hashes", "--no-deps", "-r", str(packages)]
    checked += [f"--target={target.packages}"] if target.packages else []
    if uv:
        _run([str(uv), "pip", *checked, "--python", str(target.python)], target, uv_settings(uv))
    else:
        pip = [str(target.python), "-m", "pip", "--disable-pip-version-check", "--retries=1"]
        _run([*pip, *checked], target, {})


def uv_settings(uv: Path) -> dict[str, str]:
    """Return environment variables for uv: the index and the certificates that pip would use."""
    # Few attempts, as with pip: it would otherwise take long to report that there is no network.
    settings = {"UV_HTTP_RETRIES": "1", "UV_SYSTEM_CERTS": "1"}
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys():
        command = [str(uv.with_name("python")), "-m", "pip", "config", "list"]
        listed = subprocess.run(command, capture_output=True, text=True).stdout
        configured = dict(re.findall(r"(?m)^(\S+)\.index-url='(.*)'$", listed))
        for place in ("global", "install", ":env:"):  # the last one wins
            if place in configured:
                settings["UV_DEFAULT_INDEX"] = configured[place]
    return settings


def _with_cpu_torch(target: Target, pins: list[Pin], uv: Path) -> list[Pin]:
    """Install the locked torch as a CPU build. Returns the packages that are still to install.

    PyPI's torch for Linux is a CUDA build of several GB. The CPU builds are on PyTorch's own index
    only, and no lock of PyPI's files has their hashes. Only this package is installed with no
    check but TLS. It is a step of its own, because otherwise that index would be asked for every
    package.
    """
    version = next((pin.version for pin in pins if pin.name == "torch"), None)
    if not version:
        return pins
    wanted = f"{version}+cpu"
    asked = "import importlib.metadata as m; print(m.version('torch'))"
    found = subprocess.run([target.python, "-c", asked], capture_output=True, text=True).stdout
    if found.strip() != wanted:
        print(f"installing torch=={version}, the CPU build", flush=True)
        command = [str(uv.with_name("python")), "-m", "pip", "--disable-pip-version-check"]
        command += ["--retries=0", "--timeout=20", f"--python={target.python}", "install"]
        command += ["--no-deps", f"--extra-index-url={CPU_TORCH}", f"torch=={wanted}"]
        if subprocess.run(command, capture_output=True).returncode:
            print(
                f"{CPU_TORCH} has no such build, or cannot be reached: PyPI's is installed, which "
                "may be large",
                flush=True,
            )
            return pins
    return [pin for pin in pins if pin.name != "torch" and not CUDA.match(pin.name)]


def _run(command: list[str], target: Target, settings: dict[str, str]) -> None:
    """Run an installer, with its progress on one line of a terminal and its output in a log."""
    log, watched = target.folder / "install.log", sys.stdout.isatty()
    with (
        log.open("w") as file,
        subprocess.Popen(
            command,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            file.write(line)
            if watched and line.lstrip().startswith(PROGRESS):
                print("\r\033[K  " + line.strip()[:100], end="", flush=True)
    if watched:
        print("\r\033[K", end="")
    if process.returncode:
        details = f"(details: {os.path.relpath(log, ROOT)})"
        raise UserError(f"{target.label} cannot be installed: {reason(log.read_text())} {details}")


def reason(output: str) -> str:
    """Return why pip or uv failed, in one line."""
    if any(sign in output for sign in UNREACHABLE):
        return "no package index answers; check the network and run the same command again"
    lines = [line.strip() for line in output.splitlines()]
    errors = [line for line in lines if re.match(r"ERROR|error:|cause:|Caused by:", line)]
    return ": ".join(re.sub(r"^\S+ ", "", line).rstrip(":") for line in errors[:2]) or "see the log"
