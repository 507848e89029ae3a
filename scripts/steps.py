"""A training or an export, and whether its result is still up to date.

A successful step is recorded in build/trained.json or build/exported.json: its arguments, the
version of Python, and the files that it read and wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.local.guard import die_with_parent
from scripts.packages import environments
from scripts.project import ROOT, Project
from scripts.traced import in_checkout
from shared.errors import UserError

VERBS = {"train": "trained", "export": "exported"}
SCRIPTS = {"train": "train.py", "export": "export_onnx.py"}
RECORDS = {f"{done}.json" for done in VERBS.values()}
RECORDED = ("project", "arguments", "python", "read", "made")  # keys of a record


class Step:
    """The training or the export of a project, and the record of its last success.

    verb: a key of VERBS. Raises UserError if the record is damaged.
    """

    def __init__(self, project: Project, verb: str):
        self.project, self.verb, self.script = project, verb, SCRIPTS[verb]
        self.build = project.folder / "build"
        self.record = self.build / f"{VERBS[verb]}.json"
        try:
            self.recorded = json.loads(self.record.read_text())
            owner, *_ = [self.recorded[key] for key in RECORDED]
            self.copied_from = None if owner == project.name else owner
        except FileNotFoundError:
            self.recorded = self.copied_from = None
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{self.record.relative_to(ROOT)} cannot be read: remove it, and run the same "
                "command again"
            ) from None

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of the last run; none if another project ran it, before a copy."""
        return self.recorded["arguments"] if self.recorded and not self.copied_from else []

    def stale(self) -> str | None:
        """Return why the step has to run again, or None if nothing has changed."""
        if not self.recorded:
            return "it never was"
        if self.copied_from:
            return f"its build folder is of {self.copied_from}, which it was copied from"
        if self.recorded["python"] != python_version():
            return f"Python is {python_version()} now"
        for part in ("read", "made"):
            for name, before in self.recorded[part].items():
                if not same(ROOT / name, before):
                    return f"{name} has changed" if (ROOT / name).exists() else f"{name} is missing"
        return None

    def run(self, arguments: list[str]) -> None:
        """Run the script, and record what it read and wrote.

        Exits with the status of the script if it fails.
        """
        if not (self.project.folder / self.script).exists():
            raise UserError(
                f"{self.project.name} has no {self.script}: restore it, or put a model into "
                "build/model.onnx"
            )
        environments.install(self.project.name, ["train"])
        self.build.mkdir(exist_ok=True)
        before = {path: stamp(path) for path in self._files()}
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder, "read.json")
            command = [sys.executable, str(ROOT / "scripts/traced.py"), str(found)]
            command.append(f"{self.project.name}/{self.script}")
            # Without die_with_parent, a training would continue after `kill -9` of this process.
            ran = subprocess.run(
                [*command, *arguments], cwd=ROOT, preexec_fn=lambda: die_with_parent(signal.SIGKILL)
            )
            if not found.exists():  # it failed, or only printed its help
                raise SystemExit(ran.returncode)
            read = json.loads(found.read_text())
        made = [path for path in self._files() if before.get(path) != stamp(path)]
        recorded = {
            "project": self.project.name,
            "arguments": arguments,
            "python": python_version(),
            "read": {named(path): fingerprint(path) for path in self._inputs(read, arguments)},
            "made": {named(path): fingerprint(path) for path in made},
        }
        self.record.write_text(json.dumps(recorded, indent=1))

    def _inputs(self, paths: list[str], arguments: list[str]) -> list[Path]:
        """Select the files and folders on which the result depends from those that were read.

        These are files of the checkout, the locked packages, and data that an argument names.
        """
        # Data outside of the checkout.
        named_by = [Path(word.rpartition("=")[2]).absolute() for word in arguments]
        pins = [self.project.folder / name for name in environments.LOCKS]
        found = {Path(path) for path in paths if in_checkout(path)}
        found |= {
            Path(path)
            for path in paths
            if any(Path(path).is_relative_to(given) for given in named_by)
        }
        found = {path for path in {*found, *pins} if not path.is_relative_to(self.build)}
        if self.verb == "export":  # torch opens files by C code, which no hook sees
            trained = Step(self.project, "train").recorded
            found |= {ROOT / name for name in trained["made"]} if trained else set()
        return sorted(path for path in found if path.exists())

    def _files(self) -> list[Path]:
        return [
            path for path in self.build.iterdir() if path.is_file() and path.name not in RECORDS
        ]


def python_version() -> str:
    """Return the version of Python with its minor number, such as 3.13."""
    return "{}.{}".format(*sys.version_info)


def named(path: Path) -> str:
    """Return a path as it is recorded: relative to the checkout if it is inside it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def stamp(path: Path) -> list[int]:
    """Return the size in bytes and the time of the last change in nanoseconds."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def fingerprint(path: Path) -> list:
    """Return the stamp and the SHA-256 of a file's content, or of a folder's list of names."""
    if path.is_dir():
        content = "\n".join(sorted(os.listdir(path))).encode()
        return [0, 0, hashlib.sha256(content).hexdigest()]
    with path.open("rb") as file:
        return [*stamp(path), hashlib.file_digest(file, "sha256").hexdigest()]


def same(path: Path, before: list) -> bool:
    """Compare a file or folder with its record; read the content only if the time has changed."""
    try:
        return (path.is_file() and stamp(path) == before[:2]) or fingerprint(path)[2] == before[2]
    except OSError:
        return False
