"""Train and export a project's model, where it was not made yet or something that it was made from
has changed.

What a training or an export read, wrote and was given is noted in build/trained.json and
build/exported.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
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
NOTES = {f"{done}.json" for done in VERBS.values()}


class Step:
    """The training or the export of a project, and the note of its last success.

    verb: a key of VERBS.
    """

    def __init__(self, project: Project, verb: str):
        self.project, self.verb, self.script = project, verb, SCRIPTS[verb]
        self.build = project.folder / "build"
        self.note = self.build / f"{VERBS[verb]}.json"
        try:
            self.noted = json.loads(self.note.read_text())
            self.copied_from = (
                None if self.noted["project"] == project.name else self.noted["project"]
            )
            self.noted["arguments"], self.noted["python"], self.noted["read"], self.noted["made"]
        except FileNotFoundError:
            self.noted = self.copied_from = None
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{self.note.relative_to(ROOT)} cannot be read: remove it, and run the same "
                "command again"
            ) from None

    @property
    def arguments(self) -> list[str]:
        """What it was given the last time."""
        return self.noted["arguments"] if self.noted and not self.copied_from else []

    def stale(self) -> str | None:
        """Why it has to be run again; None where nothing has changed."""
        if not self.noted:
            return "it never was"
        if self.copied_from:
            return f"its build folder is of {self.copied_from}, which it was copied from"
        if self.noted["python"] != python_version():
            return f"Python is {python_version()} now"
        for part in ("read", "made"):
            for name, before in self.noted[part].items():
                if not same(ROOT / name, before):
                    return f"{name} has changed" if (ROOT / name).exists() else f"{name} is missing"
        return None

    def run(self, arguments: list[str]) -> None:
        """Run it, and note what it read and made. Ends the program with its exit status where it
        fails.
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
            command = [
                sys.executable,
                str(ROOT / "scripts/traced.py"),
                str(found),
                f"{self.project.name}/{self.script}",
            ]
            # Or else a training would go on, and write, after `kill -9` of this process.
            ran = subprocess.run(
                [*command, *arguments], cwd=ROOT, preexec_fn=lambda: die_with_parent(signal.SIGKILL)
            )
            if not found.exists():  # it failed, or only printed its help
                raise SystemExit(ran.returncode)
            read = json.loads(found.read_text())
        made = [path for path in self._files() if before.get(path) != stamp(path)]
        noted = {
            "project": self.project.name,
            "arguments": arguments,
            "python": python_version(),
            "read": {named(path): fingerprint(path) for path in self._inputs(read, arguments)},
            "made": {named(path): fingerprint(path) for path in made},
        }
        self.note.write_text(json.dumps(noted, indent=1))

    def _inputs(self, paths: list[str], arguments: list[str]) -> list[Path]:
        """The files and folders among those that were read on which the result depends."""
        named_by = [
            Path(word.rpartition("=")[2]).absolute() for word in arguments
        ]  # data outside of the checkout
        pins = [self.project.folder / name for name in environments.LOCKS]
        found = {Path(path) for path in paths if in_checkout(path)}
        found |= {
            Path(path)
            for path in paths
            if any(Path(path).is_relative_to(given) for given in named_by)
        }
        found = {path for path in {*found, *pins} if not path.is_relative_to(self.build)}
        if self.verb == "export":  # torch opens files by C code, which no hook sees
            noted = Step(self.project, "train").noted
            found |= {ROOT / name for name in noted["made"]} if noted else set()
        return sorted(path for path in found if path.exists())

    def _files(self) -> list[Path]:
        return [path for path in self.build.iterdir() if path.is_file() and path.name not in NOTES]


def python_version() -> str:
    return "{}.{}".format(*sys.version_info)


def named(path: Path) -> str:
    """A path as it stands in a note: relative to the checkout where it is in it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def stamp(path: Path) -> list[int]:
    """Size in bytes and time of the last change in nanoseconds."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def fingerprint(path: Path) -> list:
    """The stamp and the SHA-256 of a file's content, or of a folder's list of names."""
    if path.is_dir():
        content = "\n".join(sorted(os.listdir(path))).encode()
        return [0, 0, hashlib.sha256(content).hexdigest()]
    with path.open("rb") as file:
        return [*stamp(path), hashlib.file_digest(file, "sha256").hexdigest()]


def same(path: Path, before: list) -> bool:
    """Whether a file or a folder is as it was when it was noted; the content is looked at only
    where the time has changed.
    """
    try:
        return (path.is_file() and stamp(path) == before[:2]) or fingerprint(path)[2] == before[2]
    except OSError:
        return False


def bring_up_to_date(
    step: Step, given: list[str], force: bool = False, reset: bool = False, asked: bool = False
) -> None:
    """Run a step where something has changed, or is asked for.

    given: arguments; without any, those of the last time are used unless reset. asked: by name, so
        it says something anyway.
    """
    name, verb, done = step.project.name, step.verb, VERBS[step.verb]
    arguments = given or ([] if reset else step.arguments)
    how = f"{done} with {shlex.join(arguments)}" if arguments else done
    back = f"; `make {verb} RESET=1` leaves these arguments out" if arguments and not given else ""
    reason = step.stale()
    if not reason and arguments != step.arguments:
        reason = (
            f"it was {done} "
            f"{'with ' + shlex.join(step.arguments) if step.arguments else 'without arguments'}"
        )
    if reason or force:
        if step.noted:
            print(f"{name} is {how} again, because {reason or 'of FORCE=1'}{back}", flush=True)
        step.run(arguments)
    elif asked:
        print(
            f"{name} is up to date: {how}, and nothing that it depends on has changed; `make "
            f"{verb} FORCE=1` does it again{back}"
        )
    elif arguments:
        print(f"{name} is {how}{back}")


def is_foreign(project: Project) -> bool:
    """Whether the model file was put into the build folder by somebody, so that it must not be made
    again.

    Ends the program with one line where such a file cannot be used.
    """
    file, step = project.model_file, Step(project, "export")
    if not file.exists():
        return False
    from shared.serving.onnx.model import BrokenModel, OnnxModel  # takes 0.1 s, and only here

    exported = (
        {Path(name).name: made for name, made in step.noted["made"].items()} if step.noted else {}
    )
    if file.name in exported and same(file, exported[file.name]):
        return False
    try:
        OnnxModel(file)
    except BrokenModel as error:
        if file.name in exported:
            return False  # ours, but truncated
        raise UserError(f"{error} FORCE=1, which replaces this file") from None
    return True


def words(text: str) -> list[str]:
    """The words of a variable of make, quoted as in a shell."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"ARGS={text} cannot be read: {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "verb",
        choices=[*VERBS, "ensure"],
        help="ensure: train and export, and say nothing where all is there",
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--data", default="", help="file, folder or URL to train with")
    parser.add_argument(
        "--arguments", default="", help="for train.py, or for export_onnx.py, in one word"
    )
    parser.add_argument("--force", action="store_true", help="again, although nothing has changed")
    parser.add_argument(
        "--reset", action="store_true", help="without the arguments of the last time"
    )
    args = parser.parse_args()
    project, given = Project(args.model), words(args.arguments)
    # Not every shell knows ~ in DATA=~/photos.
    data = ["--data", os.path.expanduser(args.data)] if args.data else []
    with environments.locked(str(ROOT / ".venv" / f"{project.name}.lock")):
        if {"-h", "--help"} & set(given):
            Step(project, args.verb).run(given)
        elif args.verb == "train":
            bring_up_to_date(
                Step(project, "train"), data + given, args.force, args.reset, asked=True
            )
        elif is_foreign(project) and not args.force:
            file = project.model_file.relative_to(ROOT)
            print(
                f"{file} is used as it is: `make export` did not make it (`make export FORCE=1` "
                "replaces it)"
            )
        else:
            bring_up_to_date(Step(project, "train"), data)
            bring_up_to_date(
                Step(project, "export"), given, args.force, args.reset, asked=args.verb == "export"
            )


if __name__ == "__main__":
    main()
