"""The set-up of the virtual environment says in one line what keeps it from working."""

import os
import re
import subprocess
import sys

import pytest

from scripts.local import rie
from scripts.packages.environments import environment_id, locked
from scripts.project import ROOT
from shared.errors import UserError

pytestmark = pytest.mark.commands

OLD = """
import runpy, sys
sys.version_info = (3, 8, 10, "final", 0)
sys.argv = ["install.py", "lint"]
runpy.run_path("scripts/install.py", run_name="__main__")"""


def test_a_python_that_does_not_fit(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", OLD],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert (
        ran.stderr.startswith("Python 3.8.10 does not fit")
        and "make PYTHON=" in ran.stderr
        and ran.stderr.count("\n") == 1
    )


def test_an_old_python_hands_over_to_a_newer_one_on_the_path(tmp_path):
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\necho "newer: $@"\n')
    newer.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, "-c", OLD],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0 and ran.stdout.rstrip().endswith("newer: scripts/install.py lint"), (
        ran.stderr
    )


OFFLINE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": os.devnull,
    "PATH": os.environ["PATH"],
}


@pytest.fixture
def fresh(checkout):
    """A checkout without virtual environments; installs for it, with no package index to reach.

    kept: names of environments that stay.
    """

    def install(*arguments, kept=()):
        kept = {name for link in kept for name in (link, environment(checkout, link))}
        for path in (checkout.root / ".venv").iterdir():
            if path.name not in kept:
                path.unlink()
        command = [sys.executable, "scripts/install.py", *arguments]
        return subprocess.run(
            command, cwd=checkout.root, env=OFFLINE, capture_output=True, text=True
        )

    return install


@pytest.mark.parametrize("kept", [(), ("uv",)], ids=["nothing is installed", "uv is installed"])
def test_no_network(fresh, checkout, any_project, kept):
    ran = fresh(any_project.name, "run", kept=kept)
    assert ran.returncode == 1
    label = f"{any_project.name}/requirements.txt, run" if kept else "uv"
    assert ran.stderr.startswith(
        f"{label} cannot be installed: no package index answers; check the network"
    )
    assert ran.stderr.count("\n") == 1
    [log] = re.findall(r"details: (.*)\)", ran.stderr)
    assert (checkout.root / log).exists()


def environment(checkout, name):
    """The folder of the virtual environment that a project uses."""
    return os.readlink(checkout.root / ".venv" / name)


def test_folders_with_the_same_pins_share_an_environment_and_no_others(checkout, any_project):
    """So no project's pins change what another trains or serves with."""
    install = [sys.executable, "scripts/install.py"]
    for name in ("copied", "pinned"):
        checkout.copy(any_project, name)
    for path in (checkout.root / "pinned").glob("requirements*"):
        path.write_text(re.sub(r"(?m)^numpy==[\d.]+", "numpy==1.0", path.read_text()))
    found = {}
    for name in (any_project.name, "copied", "pinned"):
        subprocess.run([*install, name], cwd=checkout.root, check=True, capture_output=True)
        found[name] = environment(checkout, name)
    assert found[any_project.name] == found["copied"] != found["pinned"]


def test_an_edit_without_make_lock_is_reported(checkout, any_project):
    source = checkout.root / any_project.name / "requirements.in"
    source.write_text(source.read_text() + "some-package==1.0\n")
    status, output = checkout.make("train", f"MODEL={any_project.name}")
    assert status and output.splitlines()[0] == (
        f"{any_project.name}/requirements.in and requirements.txt differ in some-package: run "
        "`make lock`, which compiles the second from the first"
    )


def test_a_comment_in_the_pins_makes_no_new_environment(checkout, any_project):
    pins = checkout.root / any_project.name / "requirements.txt"
    pins.write_text(f"# more\n\n{pins.read_text()}")
    ran = subprocess.run(
        [sys.executable, "scripts/install.py", any_project.name, "run"],
        cwd=checkout.root,
        capture_output=True,
    )
    assert ran.returncode == 0 and not ran.stdout


def test_two_at_once_wait_for_each_other(checkout, any_project):
    command = [sys.executable, "scripts/install.py", any_project.name]
    with locked(str(checkout.root / ".venv" / (environment_id(any_project.name) + ".lock"))):
        waiting = subprocess.Popen(command, cwd=checkout.root, stdout=subprocess.PIPE, text=True)
        assert waiting.stdout and waiting.stdout.readline().startswith(
            "waiting for another make, which holds .venv/"
        )
        assert waiting.poll() is None
    assert waiting.wait(timeout=60) == 0


def test_no_network_for_the_emulator(tmp_path):
    command = [sys.executable, "scripts/local/rie.py", "--to", str(tmp_path / "rie")]
    ran = subprocess.run(command, cwd=ROOT, env=OFFLINE, capture_output=True, text=True)
    assert ran.returncode == 1
    assert (
        ran.stderr
        == f"{rie.PACKAGE} cannot be downloaded: check the network and run the same command again\n"
    )


def test_an_emulator_that_is_not_the_one_expected_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(rie, "_download", lambda member: b"something else")
    with pytest.raises(UserError, match="not the one expected"):
        rie.fetch(tmp_path / "rie")
    assert not list(tmp_path.iterdir())


def test_torch_without_its_cpu_build_is_the_one_of_the_index(fresh, checkout, any_project):
    """The step of its own may fail: then the locked file of the index is installed."""
    pin = "torch==0.0.1"
    for name, text in (("in", pin), ("txt", f"{pin} --hash=sha256:00\n    # via -r x.in")):
        (checkout.root / any_project.name / f"requirements-train.{name}").write_text(text + "\n")
    ran = fresh(any_project.name, "train", kept=["uv"])
    lines = ran.stdout.splitlines()[1:]
    assert lines[0] == f"installing {pin}, the CPU build"
    assert lines[1].startswith(
        "https://download.pytorch.org/whl/cpu has no such build, or cannot be reached"
    )
    assert ran.returncode == 1 and "cannot be installed" in ran.stderr
