"""Virtual environments: one for each set of pins; one line says what keeps an installation from working."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts import install, rie
from scripts.project import ROOT

VERSION = ".".join(map(str, sys.version_info[:3]))

OLD = """
import runpy, sys
sys.version_info = (3, 8, 10, "final", 0)
sys.argv = ["install.py", "lint", "run"]
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
    assert ran.returncode == 0 and ran.stdout.rstrip().endswith("newer: scripts/install.py lint run"), ran.stderr


OFFLINE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}


def test_no_network(tmp_path):
    command = [sys.executable, "scripts/install.py", "lint", "run", "--to", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, env=OFFLINE, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr.startswith("pip reaches no package index: check the network") and ran.stderr.count("\n") == 1
    assert Path(ran.stderr.split("details: ")[1].rstrip(")\n")).exists()


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


def offline(checkout, *arguments):
    """Runs scripts/install.py of a copied checkout without a package index: exit status and output."""
    return checkout.python("scripts/install.py", *arguments, **OFFLINE)


def test_torch_without_its_cpu_build_is_left_to_pip(checkout, any_project):
    """In a step of its own, that may fail: then pip takes what its own index has."""
    (checkout.root / any_project.name / "requirements-train.txt").write_text("torch==0.0.1  # there is none\n")
    status, output = offline(checkout, any_project.name, "training")
    lines = output.splitlines()
    assert lines[1] == "installing torch==0.0.1, the CPU build"
    assert lines[2].startswith("https://download.pytorch.org/whl/cpu has no such build, or cannot be reached")
    assert status == 1 and lines[-1].startswith("pip reaches no package index")


class Pinned:
    """Project folders of nothing but a pin in a copied checkout, and a package index of two versions of one package."""

    def __init__(self, checkout, index):
        self.checkout = checkout
        self.variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
        for version in ("1.0", "2.0"):
            write_wheel(index, version)

    def pin(self, name, version):
        folder = self.checkout.root / name
        folder.mkdir(exist_ok=True)
        (folder / "requirements.txt").write_text(f"pinned-package=={version}\n")
        (folder / "requirements-train.txt").write_text("-r requirements.txt\n")

    def install(self, *arguments):
        return self.checkout.python("scripts/install.py", *arguments, **self.variables)

    def installed(self, name):
        asked = "import importlib.metadata as m; print(m.version('pinned-package'))"
        python = self.checkout.root / ".venv" / name / "bin/python"
        return subprocess.run([python, "-c", asked], capture_output=True, text=True).stdout.strip()


@pytest.fixture
def pinned(checkout, tmp_path):
    return Pinned(checkout, tmp_path / "index")


def write_wheel(folder, version):
    """A package without code."""
    folder.mkdir(exist_ok=True)
    info = f"pinned_package-{version}.dist-info"
    with zipfile.ZipFile(folder / f"pinned_package-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: pinned-package\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_one_project_s_pins_leave_another_s_packages_alone(pinned):
    names = ("first", "second", "copy")
    for name, version in zip(names, ("1.0", "2.0", "1.0")):
        pinned.pin(name, version)
        status, output = pinned.install(name, "serving", "training")
        assert status == 0, output
        assert output == ("" if name == "copy" else f"making .venv/{name} with Python {VERSION}\ninstalling serving, training\n")
    assert [pinned.installed(name) for name in names] == ["1.0", "2.0", "1.0"]
    folders = [(pinned.checkout.root / ".venv" / name).resolve() for name in names]
    assert folders[0] == folders[2] != folders[1]


def test_a_changed_pin_is_followed_there_and_back(pinned):
    for version in ("1.0", "2.0", "1.0"):
        pinned.pin("first", version)
        assert pinned.install("first", "serving")[0] == 0
        assert pinned.installed("first") == version


def test_a_group_that_contradicts_a_pin_is_told_in_one_line(pinned):
    pinned.pin("first", "1.0")
    assert pinned.install("first", "serving")[0] == 0
    settings = pinned.checkout.root / "pyproject.toml"
    group = '[dependency-groups]\nother = ["pinned-package==2.0"]'
    settings.write_text(settings.read_text().replace("[dependency-groups]", group))
    status, output = pinned.install("first", "other")
    assert status == 1 and output.count("\n") == 2
    told = output.splitlines()[1]
    assert told.startswith("these pins do not fit together: pinned-package==2.0, (constraint) pinned-package==1.0. Change one")
    assert pinned.installed("first") == "1.0"


def test_constraints_are_pins_without_hashes_extras_and_options(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text(
        "-r other.txt\n# a comment\none[extra]==1.0; sys_platform == 'linux'  # why\ntwo==2.0 \\\n    --hash=sha256:00\n"
    )
    assert install.pinned(file) == ["one==1.0; sys_platform == 'linux'", "two==2.0"]


def test_another_python_gets_another_environment(pinned):
    """PYTHON= is followed where there is an environment already; here with a Python that only says that it is another one."""
    pinned.pin("first", "1.0")
    assert pinned.install("first")[0] == 0
    before = os.readlink(pinned.checkout.root / ".venv/first")
    run = "import runpy, sys; sys.version_info = (3, 12, 99, 'final', 0); sys.argv = sys.argv[1:]; "
    run += "runpy.run_path(sys.argv[0], run_name='__main__')"
    status, output = pinned.checkout.python("-c", run, "scripts/install.py", "first")
    assert status == 0 and output == "making .venv/first with Python 3.12.99\n"
    assert os.readlink(pinned.checkout.root / ".venv/first") != before


def test_two_at_once_wait_for_each_other(pinned):
    pinned.pin("first", "1.0")
    python = pinned.checkout.root / Path(sys.executable).relative_to(ROOT)
    command = [python, "scripts/install.py", "first", "serving"]
    both = [pinned.checkout.popen(*command, **pinned.variables) for _ in range(2)]
    output = "".join(process.communicate(timeout=120)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0], output
    assert output.count("making") == output.count("installing serving") == 1
    assert pinned.installed("first") == "1.0"
