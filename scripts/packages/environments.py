"""Virtual environments in .venv: one for each set of locked packages and each Python version.

.venv/<checksum> is the environment, .venv/<project> a link to it. No project's packages change what
another project trains or serves with. A copied project uses the environment of its original until
its packages differ.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.packages import installer
from scripts.packages.lock_files import Pin, read_current_lock, read_lock
from shared.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-train.txt")  # in each project folder
PARTS = {  # what a project's environment can hold: its own locks, and those of requirements/
    "run": ("requirements.txt", "run"),  # to serve and to invoke
    "train": ("requirements-train.txt",),  # to train and to export
    "dev": ("requirements.txt", "dev"),  # to test
    "benchmark": ("requirements.txt", "benchmark"),  # to draw its charts
}
TOOLS = {"lint": "dev", "local-aws": "local-aws", "uv": "uv"}  # environments without a project


def install(name: str, parts: list[str]) -> Path:
    """Create or update the environment of a project, or of one of TOOLS.

    parts: keys of PARTS; not for a tool. Returns the path of its Python. Raises UserError if a
    lock is out of date or a package cannot be installed.
    """
    folder = ROOT / ".venv" / environment_id(name)
    folder.parent.mkdir(exist_ok=True)
    with locked(f"{folder}.lock"):
        record = folder / "installed.json"
        python = _make_environment(folder, name, record)
        installed = json.loads(record.read_text())
        for sources in [(TOOLS[name],)] if name in TOOLS else [PARTS[part] for part in parts]:
            pins = pins_of(name, sources)
            # By content: one environment serves all folders with the same packages.
            content = checksum("".join(pin.text for pin in pins))
            if content not in installed:
                labels = [f"{name}/{part}" if part in LOCKS else part for part in sources]
                target = installer.Target(python, folder, ", ".join(labels))
                installer.install(target, pins, None if name == "uv" else uv())
                installed.append(content)
                _write_json(record, installed)
        _link(folder, ROOT / ".venv" / name)
    return python


def install_for_image(name: str, onnx_api: str) -> Path:
    """Install what the image of a project can import, and nothing else, into a folder of its own.

    It holds the packages of requirements.txt, trimmed as in the Dockerfile, and those of AWS's
    base image. onnx_api: the ONNX API that the image is built for. Returns the folder.
    """
    optimize = ROOT / "shared/docker/optimize.py"
    pins = pins_of(name, PARTS["run"])
    content = [*(pin.text for pin in pins), onnx_api, optimize.read_text(), sys.version]
    folder = ROOT / ".venv" / checksum("".join(content))[:12]
    packages, complete = folder / "packages", folder / "complete"
    with locked(f"{folder}.lock"):
        if not complete.exists():
            packages.mkdir(parents=True, exist_ok=True)
            label = f"{name}/requirements.txt as in the image"
            target = installer.Target(Path(sys.executable), folder, label, packages)
            installer.install(target, pins, uv())
            command = [sys.executable, str(optimize), str(packages), f"--trim-for={onnx_api}"]
            subprocess.run([*command, "--skip=compile"], check=True)
            complete.touch()
    return packages


def uv() -> Path:
    """Return the path of uv, in an environment of its own. Installs it if it is missing."""
    return install("uv", []).with_name("uv")


def environment_id(name: str) -> str:
    """Return the folder's name for locked packages of a project or tool: 12 hexadecimal digits."""
    # A stale lock of uv is no error: `make lock` needs an uv to write the next one.
    read = read_lock if name == "uv" else read_current_lock
    pins = [pin for lock in _locks_of(name) for pin in read(lock)]
    version = "{}.{}\n".format(*sys.version_info)
    return checksum(version + "".join(pin.text for pin in pins))[:12]


def _locks_of(name: str) -> list[Path]:
    if name in TOOLS:
        return [ROOT / "requirements" / f"{TOOLS[name]}.txt"]
    return [ROOT / name / lock for lock in LOCKS]


def checksum(text: str) -> str:
    """Return the SHA-256 of a text as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def pins_of(name: str, sources: tuple[str, ...]) -> list[Pin]:
    """Return the locked packages to install together, each once.

    sources: names in LOCKS, and of locks in requirements/. If the project locks a package that one
    of the latter has too, the project's version is used.
    """
    own: dict[str, list[Pin]] = {}  # several for a package: one for each marker
    if name not in TOOLS:
        for lock in LOCKS:
            pins = read_current_lock(ROOT / name / lock)
            own |= {key: [pin for pin in pins if pin.name == key] for key in {p.name for p in pins}}
    found: dict[str, list[Pin]] = {}
    for source in sources:
        path = ROOT / name / source if source in LOCKS else ROOT / "requirements" / f"{source}.txt"
        for pin in read_lock(path) if name == "uv" else read_current_lock(path):
            if pin.name in own:
                found[pin.name] = own[pin.name]
            elif pin not in found.setdefault(pin.name, []):
                found[pin.name].append(pin)
    return [pin for pins in found.values() for pin in pins]


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Let one process in at a time; print a line before waiting for another."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            shown = os.path.relpath(path, ROOT)
            print(f"waiting for another make, which holds {shown}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_environment(folder: Path, name: str, record: Path) -> Path:
    """Create a virtual environment unless it exists. Returns the path of its Python.

    record: written last, so that an interrupted creation starts again; an empty list of contents.
    """
    python = folder / "bin/python"
    if record.exists() and python.exists():  # a link: False where that Python was removed
        return python
    print(f"making .venv/{name} with Python {sys.version.split()[0]}", flush=True)
    # pip installs uv; uv installs into all the others, which need no pip.
    pip = [] if name == "uv" else ["--without-pip"]
    command = [sys.executable, "-m", "venv", "--clear", *pip, str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        output = made.stdout + made.stderr
        reason = "install python3-venv" if "ensurepip" in output else made.stderr.strip()[-300:]
        raise UserError(f"the virtual environment could not be made: {reason}")
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.check_output(asked, text=True).strip())
    # The checkout is on the path of every program in the environment, as an editable install would
    # have it: `from shared…` and `from scripts…` work in any folder, notebook and IDE.
    (site / "checkout.pth").write_text(os.path.relpath(ROOT, site.resolve()) + "\n")
    _write_json(record, [])
    return python


def _link(folder: Path, path: Path) -> None:
    """Make path a link to the folder in one step, so that no other process finds it missing."""
    if not path.is_symlink() or os.readlink(path) != folder.name:
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.symlink_to(folder.name)
        new.replace(path)


def _write_json(path: Path, value: list[str]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value))
    new.replace(path)
