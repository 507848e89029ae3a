"""Locked packages: which are installed, and when a lock has to be compiled again."""

import re
import sys

import pytest

from scripts.packages import environments, installer, lock, lock_files
from scripts.packages.lock_files import Pin, read_current_lock
from shared.errors import UserError

LOCKED = """# made by a command
numpy==1.0 ; python_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via -r requirements.in
numpy==1.1 ; python_version >= '3.12' \\
    --hash=sha256:cc
    # via
    #   -r requirements.in
    #   pandas
Py_YAML==2.0 \\
    --hash=sha256:dd
    # via pandas
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with chosen and locked packages."""
    (tmp_path / "requirements.in").write_text("numpy==1.0  # chosen\nNumPy==1.1; x\n")
    (tmp_path / "requirements.txt").write_text(LOCKED)
    return tmp_path


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty checkout with a project of its own, and locks that the tests write."""
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "mine").mkdir()
    return tmp_path


def write_lock(path, *pins):
    """Write a lock file with some pins, and the .in file that chooses them."""
    path.with_suffix(".in").write_text("\n".join(pins))
    blocks = (f"{pin} --hash=sha256:{len(pin)}\n    # via -r {path.stem}.in\n" for pin in pins)
    path.write_text("".join(blocks))


def test_a_lock_is_parsed(folder):
    assert read_current_lock(folder / "requirements.txt") == [
        Pin(
            "numpy",
            "1.0",
            "numpy==1.0 ; python_version < '3.12' \\\n    --hash=sha256:aa \\\n"
            "    --hash=sha256:bb\n",
            True,
        ),
        Pin(
            "numpy",
            "1.1",
            "numpy==1.1 ; python_version >= '3.12' \\\n    --hash=sha256:cc\n",
            True,
        ),
        Pin("py-yaml", "2.0", "Py_YAML==2.0 \\\n    --hash=sha256:dd\n", False),
    ]


def test_every_lock_of_the_checkout_is_up_to_date():
    assert all(read_current_lock(source.with_suffix(".txt")) for source in lock.sources())


@pytest.mark.parametrize(
    ("text", "differs"),
    [
        ("numpy==1.0\nnumpy==1.2", "numpy"),
        ("numpy==1.0\nnumpy==1.1\nPy.Yaml==2.0", "py-yaml"),
        ("", "numpy"),
        ("-r more.in", "extra"),
    ],
    ids=["changed", "added", "removed", "included"],
)
def test_an_edit_without_make_lock(folder, text, differs):
    (folder / "requirements.in").write_text(text)
    (folder / "more.in").write_text("numpy==1.0\nnumpy==1.1\nextra==1")
    with pytest.raises(UserError, match=rf"requirements.txt differ in {differs}: run `make lock`"):
        read_current_lock(folder / "requirements.txt")


def test_a_choice_without_an_exact_version(folder):
    (folder / "requirements.in").write_text("numpy>=1.0")
    with pytest.raises(UserError, match=r"no exact version in 'numpy>=1.0': write NAME==VERSION"):
        read_current_lock(folder / "requirements.txt")


@pytest.mark.parametrize("line", ["numpy==1.0", "numpy>=1.0 --hash=sha256:aa"])
def test_a_package_that_is_not_locked(folder, line):
    (folder / "requirements.txt").write_text(line)
    with pytest.raises(UserError, match="is not locked at 'numpy"):
        read_current_lock(folder / "requirements.txt")


def test_a_package_of_the_project_wins_over_that_of_a_group(root):
    write_lock(root / "requirements/dev.txt", "PyYAML==1.0", "onnx==1.0")
    write_lock(root / "mine/requirements.txt", "numpy==1.0")
    write_lock(root / "mine/requirements-train.txt", "numpy==1.0", "pyyaml==2.0")
    pins = environments.pins_of("mine", environments.PARTS["dev"])
    assert [(pin.name, pin.version) for pin in pins] == [
        ("numpy", "1.0"),
        ("pyyaml", "2.0"),
        ("onnx", "1.0"),
    ]


def test_another_version_or_python_has_another_environment(root, monkeypatch):
    write_lock(root / "mine/requirements-train.txt", "pandas==1.0")
    found = []
    for numpy, python in (("1.0", (3, 11, 9)), ("1.1", (3, 11, 9)), ("1.1", (3, 12, 1))):
        write_lock(root / "mine/requirements.txt", f"numpy=={numpy}")
        monkeypatch.setattr(sys, "version_info", python)
        found.append(environments.environment_id("mine"))
    assert len(set(found)) == 3
    monkeypatch.setattr(sys, "version_info", (3, 12, 2))
    assert environments.environment_id("mine") == found[-1]


def test_uv_is_found_although_its_lock_is_out_of_date(root):
    """Or else `make lock` could not compile the next one."""
    write_lock(root / "requirements/uv.txt", "uv==1.0")
    (root / "requirements/uv.in").write_text("uv==1.1")
    assert environments.environment_id("uv")


def test_a_cpu_build_of_torch_needs_no_package_of_cuda():
    names = ["torch", "nvidia-cublas", "cuda-toolkit", "triton", "numpy", "tritonclient"]
    assert [name for name in names if not installer.CUDA.match(name)] == [
        "torch",
        "numpy",
        "tritonclient",
    ]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("error: Request failed\n  cause: error sending request for url (x)", "no package index"),
        ("WARNING: Retrying … NewConnectionError …\nERROR: none", "no package index"),
        ("error: Failed\n  cause: Hash mismatch for `x`\n\n  a", "Failed: Hash mismatch for `x`$"),
        ("ERROR: No matching distribution\n", "No matching distribution$"),
        ("", "see the log$"),
    ],
)
def test_the_reason_of_a_failure_is_one_line(output, reason):
    found = installer.reason(output)
    assert "\n" not in found
    assert re.match(reason, found), found


def test_the_locks_serve_all_platforms():
    """One file for each lock: the wheels of each platform and Python are among its hashes."""
    for source in lock.sources():
        header = source.with_suffix(".txt").read_text().splitlines()[1]
        assert "--universal" in header and "--generate-hashes" in header
        assert header.endswith(f"--output-file={source.stem}.txt {source.name}")
    assert lock_files.ROOT / "requirements/dev.in" in lock.sources()
