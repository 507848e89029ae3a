"""A run of the tests leaves nothing behind.

All of its processes keep their temporary files in one folder (TMPDIR), and build on one base image.
Each layer on top of it inherits its label. At the end, both are removed. The run fails if a
process, a container, an image or a file in the checkout is left. To keep the
temporary files, name a folder for them: ARGS=--basetemp=folder.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from scripts.local.build import build
from scripts.local.docker import DOCKER
from scripts.local.images import base_image, build_flags
from scripts.project import ROOT, Project
from tests.processes import running_with, wait_until

LIMIT = 5  # seconds for what ends by itself
LABEL = "onnx-on-lambda.tests"
LEFT = pytest.StashKey[list[str]]()
FILES = pytest.StashKey[set[str]]()
# what `make test` itself makes, and Python's caches
NOT_SEARCHED = {".git", ".venv", "__pycache__"}


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Make the run's folder, in the process that starts the others."""
    if hasattr(config, "workerinput"):
        return
    config.stash[FILES] = files_of_checkout()
    config.stash[LEFT] = []
    folder = Path(tempfile.gettempdir(), f"tests-{secrets.token_hex(4)}")
    folder.mkdir(mode=0o700)
    config.add_cleanup(lambda: shutil.rmtree(folder))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(ROOT / ".venv/.hypothesis")
    config.option.basetemp = config.option.basetemp or str(folder / "pytest")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session):
    """Remove images and containers, and look for what is left, after all other processes ended."""
    yield
    config = session.config
    if hasattr(config, "workerinput"):
        return
    left = [f"process: {command}" for command in left_processes()]
    left += [f"file: {name}" for name in sorted(files_of_checkout() - config.stash[FILES])]
    if lock_file().exists():
        left += [f"container: {name}" for name in remove_containers()]
        left += [f"image: {name}" for name in remove_images()]
    config.stash[LEFT] = left
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """List what was left."""
    if left := config.stash[LEFT]:
        terminalreporter.section("left behind by the tests", red=True, bold=True)
        for line in left:
            terminalreporter.line(line)


def files_of_checkout() -> set[str]:
    """Return the paths of the files in the checkout, those that `make test` makes left out."""
    found = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_SEARCHED]
        found |= {os.path.relpath(os.path.join(folder, name), ROOT) for name in files}
    return found


def left_processes() -> list[str]:
    """Return the command lines of the processes that were started by the run and do not end."""
    folder = tempfile.gettempdir()  # in their environment
    wait_until(lambda: not running_with(folder), limit=LIMIT)
    return running_with(folder)


def labelled_base(projects: list[Project]) -> str:
    """Return the base image of this run, made on that of the first project by the first process.

    The projects' layers are in the builder's cache then: layers that two processes build at once
    have different digests, and either may be taken for a later image.
    """
    name = f"{run_id()}:base"
    with lock_file().open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if not lock.read():
            make_base(projects[0], name)
            fill_cache(projects, name)
            lock.write("filled")
    return name


def make_base(project: Project, name: str) -> None:
    """Build an image with this run's label on the base image of a project."""
    command = [DOCKER, "build", "--label", f"{LABEL}={run_id()}", "--tag", name]
    command += [*build_flags(project), "-"]
    dockerfile = f"FROM {base_image(project)}\n"
    subprocess.run(command, input=dockerfile, capture_output=True, text=True, check=True)


def fill_cache(projects: list[Project], base: str) -> None:
    """Build the image of each project that has a model, on a base image."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BASE_IMAGE", base)
        for project in projects:
            if project.model_file.exists():
                cached = Project(project.name)
                cached.image = f"{run_id()}:{project.name}"
                build(cached, quiet=True)


def remove_containers() -> list[str]:
    """Remove the run's containers; return the names of those that should have been gone before."""
    wait_until(
        lambda: not listed("ps"), limit=LIMIT
    )  # the engine removes a stopped one a little later
    left = listed("ps", form="{{.Names}} of {{.Image}}")
    if left:
        subprocess.run([DOCKER, "rm", "--force", *listed("ps")], stdout=subprocess.DEVNULL)
    return left


def remove_images() -> list[str]:
    """Remove the run's images and layers; return the ids of those that cannot be removed.

    Removing an image removes the layers below it that have no name, but an image with others on
    top of it stays: hence more than one turn.
    """
    left: list[str] = []
    while (found := listed("images")) and found != left:
        left = found
        subprocess.run([DOCKER, "rmi", "--force", *left], capture_output=True)
    return found


def listed(what: str, form: str = "{{.ID}}") -> list[str]:
    """Return what `docker ps` or `docker images` lists of this run, intermediate layers included."""
    command = [DOCKER, what, "--all", "--filter", f"label={LABEL}={run_id()}", "--format", form]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(set(found.splitlines()))


def run_id() -> str:
    """Return the name of the run's folder, which tells its images from those of other runs."""
    return Path(tempfile.gettempdir()).name


def lock_file() -> Path:
    """Return the file that exists once a process of this run has used the Docker engine."""
    return Path(tempfile.gettempdir(), "base-image.lock")
