"""shared/docker/optimize.py: the files that it deletes and compiles in an image."""

import subprocess
import sys

import pytest

from scripts.project import ROOT

FILES = [
    "bin/f2py",
    "numpy/__init__.py",
    "numpy/_core/include/numpy/arrayobject.h",
    "numpy/tests/test_numpy.py",
    "numpy/version.pyi",
    "numpy-2.0.dist-info/licenses/numpy/_core/include/LICENSE.txt",
    "onnxruntime/LICENSE",
    "onnxruntime/__init__.py",
    "onnxruntime/capi/libonnxruntime.so.1.32.0",
    "onnxruntime/capi/onnxruntime_pybind11_state.so",
    "onnxruntime/tools/convert.py",
    "other/py314_syntax.py",
]
KEPT = {
    "c": {"onnxruntime/LICENSE", "onnxruntime/capi/libonnxruntime.so.1.32.0"},
    "python": {
        "numpy/__init__.py",
        "numpy-2.0.dist-info/licenses/numpy/_core/include/LICENSE.txt",
        "onnxruntime/LICENSE",
        "onnxruntime/__init__.py",
        "onnxruntime/capi/onnxruntime_pybind11_state.so",
    },
}


@pytest.fixture
def packages(tmp_path):
    """A folder with an empty file for each path in FILES."""
    for name in FILES:
        path = tmp_path / "packages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("syntax of a newer Python\n" if "py314" in name else "")
    return tmp_path / "packages"


def optimize(folder, *arguments):
    """Run optimize.py on a folder, as a Dockerfile does."""
    script = ROOT / "shared/docker/optimize.py"
    return subprocess.run(
        [sys.executable, script, folder, *arguments],
        env={"LAMBDA_TASK_ROOT": "/var/task"},
        capture_output=True,
        text=True,
    )


def files(folder):
    """Return the relative paths of all files in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("onnx_api", ["c", "python"])
def test_what_no_request_needs_is_deleted(packages, onnx_api):
    assert optimize(packages, "--trim-for", onnx_api, "--skip", "compile").returncode == 0
    assert files(packages) == KEPT[onnx_api] | {"other/py314_syntax.py"}
    if onnx_api == "c":  # of ONNX Runtime's module no empty folder stays
        assert not (packages / "onnxruntime/tools").exists()


@pytest.mark.parametrize(("skip", "flags"), [("trim", 1), ("trim unchecked", 0)])
def test_modules_are_compiled_for_their_place_in_the_image(packages, skip, flags):
    assert optimize(packages, "--trim-for", "c", "--skip", skip).returncode == 0
    tag = sys.implementation.cache_tag
    compiled = packages / f"onnxruntime/__pycache__/__init__.{tag}.pyc"
    assert compiled.read_bytes()[4] == flags
    assert b"/var/task/onnxruntime/__init__.py" in compiled.read_bytes()
    assert files(packages) >= set(FILES)


def test_a_module_that_cannot_be_compiled_and_an_unknown_step_end_the_build(packages):
    (packages / "broken.py").write_text("def\n")
    ended = optimize(packages)
    assert ended.returncode and "a module cannot be compiled" in ended.stderr
    ended = optimize(packages, "--skip", "trimming")
    assert ended.returncode and "choose from trim, compile, unchecked" in ended.stderr
