"""A second checkout to be spoilt: the files of this one, with its virtual environments."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from scripts.project import ROOT, Project


class Checkout:
    """A copy of this checkout's files, and of the models that were made, in a folder of its own."""

    def __init__(self, root: Path):
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        builds = [ROOT / name / "build" for name in Project.names()]
        made = [
            str(path.relative_to(ROOT))
            for build in builds
            for path in build.rglob("*")
            if path.is_file()
        ]
        for name in sorted({*listed.stdout.splitlines(), *made}):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
        self._share_environments()

    @classmethod
    def of(cls, root):
        """A folder that a command wrote, as a checkout with this one's virtual environments."""
        made = cls.__new__(cls)
        made.root = root
        made._share_environments()
        return made

    @property
    def environment(self):
        """The environment variables of a command in this checkout."""
        # The path file in a virtual environment names the first checkout; what PYTHONPATH names
        # comes before it.
        found = {"PYTHON": sys.executable, **os.environ, "PYTHONPATH": str(self.root)}
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MODEL", "ARGS"):  # of `make test`
            found.pop(name, None)
        return found

    def _share_environments(self):
        """Takes the first checkout's virtual environments, and makes those that it lacks itself."""
        (self.root / ".venv").mkdir()
        for path in (ROOT / ".venv").iterdir():
            if path.is_dir() and not path.name.startswith("."):  # caches of the tests
                (self.root / ".venv" / path.name).symlink_to(
                    path.resolve() if not path.is_symlink() else os.readlink(path)
                )

    def copy(self, project, name, *, build=False):
        """A project's folder under another name, as `cp -r` makes it. Gives the new folder."""
        left_out = None if build else shutil.ignore_patterns("build")
        return shutil.copytree(self.root / project.name, self.root / name, ignore=left_out)

    def make_repository(self):
        """Makes it a Git repository, so that the tests in it can copy it once more."""
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        (self.root / ".git/info/exclude").write_text(".venv\n")  # full of links

    def popen(self, *command, **variables):
        """Starts a command in a process group of its own, with standard output and error in one
        pipe.
        """
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=self.root,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            # As a terminal would start it: in the background, or under nohup, signals are ignored
            # in all children.
            preexec_fn=lambda: [
                signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)
            ],
        )

    def python(self, *arguments, **variables):
        """Runs a script. Gives its exit status and all that it printed."""
        process = self.popen(sys.executable, *arguments, **variables)
        output, _ = process.communicate(timeout=600)
        return process.returncode, output

    def make(self, *arguments, **variables):
        """Runs make. Gives its exit status and all that it printed."""
        process = self.popen("make", *arguments, **variables)
        output, _ = process.communicate(timeout=900)
        return process.returncode, output
