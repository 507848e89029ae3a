"""The set-up of the virtual environment says in one line what keeps it from working."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from scripts import install
from scripts.local import rie
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
    """A checkout without virtual environments; installs for it, with no package index to reach."""
    shutil.rmtree(checkout.root / ".venv")

    def install(*arguments):
        command = [sys.executable, "scripts/install.py", *arguments]
        return subprocess.run(
            command, cwd=checkout.root, env=OFFLINE, capture_output=True, text=True
        )

    return install


def test_no_network(fresh, checkout, any_project):
    ran = fresh(any_project.name, "run")
    assert ran.returncode == 1
    assert (
        ran.stderr.startswith("pip reaches no package index: check the network")
        and ran.stderr.count("\n") == 1
    )
    [log] = re.findall(r"details: (.*)\)", ran.stderr)
    assert (checkout.root / log).exists()


def environment(checkout, name):
    return os.readlink(checkout.root / ".venv" / name)


def test_folders_with_the_same_pins_share_an_environment_and_no_others(checkout, any_project):
    """So no project's pins change what another trains or serves with."""
    install = [sys.executable, "scripts/install.py"]
    for name in ("copied", "pinned"):
        checkout.copy(any_project, name)
    pins = checkout.root / "pinned/requirements.txt"
    pins.write_text(re.sub(r"^numpy==.*", "numpy==1.0", pins.read_text(), flags=re.MULTILINE))
    found = {}
    for name in (any_project.name, "copied", "pinned"):
        subprocess.run([*install, name], cwd=checkout.root, check=True, capture_output=True)
        found[name] = environment(checkout, name)
    assert found[any_project.name] == found["copied"] != found["pinned"]


def test_a_comment_in_the_pins_makes_no_new_environment(checkout, any_project):
    pins = checkout.root / any_project.name / "requirements.txt"
    pins.write_text(f"# more\n\n{pins.read_text()}")
    ran = subprocess.run(
        [sys.executable, "scripts/install.py", any_project.name, "run"],
        cwd=checkout.root,
        capture_output=True,
    )
    assert ran.returncode == 0 and not ran.stdout


@pytest.mark.parametrize("included", ["-r more.txt", "--requirement=more.txt", "-c more.txt"])
def test_pins_in_a_file_that_is_included(monkeypatch, tmp_path, included):
    monkeypatch.setattr(install, "ROOT", str(tmp_path))
    for name, text in (
        ("requirements.txt", f"{included}\nnumpy==1.0"),
        ("requirements-train.txt", ""),
    ):
        (tmp_path / name).write_text(text)
    found = []
    for pin in ("scipy==1.0", "scipy==1.1"):
        (tmp_path / "more.txt").write_text(f"{pin}\n")
        found.append(install.environment_id("."))
    assert found[0] != found[1]


def test_another_python_has_another_environment(monkeypatch, any_project):
    found = set()
    for version in ((3, 11, 9), (3, 12, 1), (3, 12, 2)):
        monkeypatch.setattr(sys, "version_info", version)
        found.add(install.environment_id(any_project.name))
    assert len(found) == 2


def test_a_pin_of_the_project_wins_over_that_of_a_group(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "ROOT", str(tmp_path))
    (tmp_path / "pyproject.toml").write_text(
        '[dependency-groups]\ndev = ["PyYAML==1.0", "onnx==1.0"]'
    )
    (tmp_path / "requirements.txt").write_text("numpy==1.0")
    (tmp_path / "requirements-train.txt").write_text(
        "-r requirements.txt\npyyaml==2.0; python_version > '3'"
    )
    assert install.packages_of(".", ["dev"])[0] == [
        "pyyaml==2.0; python_version > '3'",
        "onnx==1.0",
    ]


def test_two_at_once_wait_for_each_other(checkout, any_project):
    command = [sys.executable, "scripts/install.py", any_project.name]
    with install.locked(
        str(checkout.root / ".venv" / (install.environment_id(any_project.name) + ".lock"))
    ):
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


def test_torch_without_its_cpu_build_is_left_to_pip(fresh, checkout, any_project):
    """In a step of its own, that may fail: then pip takes what its own index has."""
    (checkout.root / any_project.name / "requirements-train.txt").write_text(
        "torch==0.0.1  # there is none\n"
    )
    ran = fresh(any_project.name, "train")
    lines = ran.stdout.splitlines()[1:]
    assert lines[0] == "installing torch==0.0.1, the CPU build"
    assert lines[1].startswith(
        "https://download.pytorch.org/whl/cpu has no such build, or cannot be reached"
    )
    assert ran.returncode == 1 and ran.stderr.startswith("pip reaches no package index")
