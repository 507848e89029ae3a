"""The set-up of the virtual environment says in one line what keeps it from working."""

import os
import subprocess
import sys

import pytest

from scripts import rie
from scripts.project import ROOT

OLD = """
import runpy, sys
sys.version_info = (3, 8, 10, "final", 0)
sys.argv = ["install.py", "--group", "run"]
runpy.run_path("scripts/install.py", run_name="__main__")"""


def test_a_python_that_does_not_fit(tmp_path):
    ran = subprocess.run([sys.executable, "-c", OLD], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr.startswith("Python 3.8.10 does not fit") and "make PYTHON=" in ran.stderr and ran.stderr.count("\n") == 1


def test_an_old_python_hands_over_to_a_newer_one_on_the_path(tmp_path):
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\necho "newer: $@"\n')
    newer.chmod(0o755)
    ran = subprocess.run([sys.executable, "-c", OLD], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stdout.rstrip().endswith("newer: scripts/install.py --group run"), ran.stderr


OFFLINE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}


def test_no_network(tmp_path):
    command = [sys.executable, "scripts/install.py", "--venv", str(tmp_path / "venv"), "--group", "run"]
    ran = subprocess.run(command, cwd=ROOT, env=OFFLINE, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr.startswith("pip reaches no package index: check the network") and ran.stderr.count("\n") == 1
    assert (tmp_path / "venv/pip.log").exists()


def test_no_network_for_the_emulator(tmp_path):
    command = [sys.executable, "scripts/rie.py", "--to", str(tmp_path / "rie")]
    ran = subprocess.run(command, cwd=ROOT, env=OFFLINE, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr == f"{rie.PACKAGE} cannot be downloaded: check the network and run the same command again\n"


def test_an_emulator_that_is_not_the_one_expected_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(rie, "_download", lambda member: b"something else")
    with pytest.raises(SystemExit, match="not the one expected"):
        rie.fetch(tmp_path / "rie")
    assert not list(tmp_path.iterdir())


def test_torch_without_its_cpu_build_is_left_to_pip(tmp_path):
    """In a step of its own, that may fail: then pip takes what its own index has."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("torch==0.0.1  # there is none\n")
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}
    command = [sys.executable, "scripts/install.py", "--venv", str(tmp_path / "venv"), "-r", str(requirements)]
    ran = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True)
    lines = ran.stdout.splitlines()[1:]
    assert lines[0] == "installing torch==0.0.1, the CPU build"
    assert lines[1].startswith("https://download.pytorch.org/whl/cpu has no such build, or cannot be reached")
    assert ran.returncode == 1 and ran.stderr.startswith("pip reaches no package index")
