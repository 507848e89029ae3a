"""Code in the image imports little, names no feature, and imports ONNX Runtime's Python module in
one place.
"""

import ast
import json
import subprocess
import sys

import pytest

from scripts.project import ROOT
from tests.handlers import row_of, with_rows
from tests.plugin import kind_of_file
from tests.unit.toy import CUSTOMER

SERVING = sorted((ROOT / "shared/serving").rglob("*.py"))
BEYOND = {
    "python": {"numpy", "onnxruntime"},
    "decode": {"PIL"},
    "s3_objects": {"boto3", "botocore"},  # AWS's base image has them
}


def imported(path):
    """The top-level names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", SERVING, ids=lambda path: path.stem)
def test_serving_imports_the_standard_library_and_in_three_places_more(path):
    beyond = set(imported(path)) - set(sys.stdlib_module_names) - {"shared"}
    assert beyond == BEYOND.get(path.stem, set())


def test_handler_imports_neither_numpy_nor_onnxruntime(project):
    beyond = (
        set(imported(project.folder / "lambda_function.py"))
        - set(sys.stdlib_module_names)
        - {"shared"}
    )
    assert not beyond & {"numpy", "onnxruntime", "PIL"}


def test_no_feature_is_named_in_the_handler_and_in_what_is_shared(tabular):
    names = row_of(tabular)
    for path in [*(ROOT / "shared").rglob("*.py"), tabular.folder / "lambda_function.py"]:
        words = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant)
        }
        assert not words & set(names), path


HEAVY = {
    "asyncio",
    "boto3",
    "botocore",
    "dataclasses",
    "email",
    "http.client",
    "onnx",
    "pandas",
    "requests",
    "scipy",
    "ssl",
}
HEAVY |= {
    "google.protobuf",
    "flatbuffers",
    "packaging",
    "sklearn",
    "urllib.request",
    "numpy.f2py",
    "numpy.testing",
}
OF_PYTHON = {
    "numpy",
    "onnxruntime",
    "importlib.metadata",
    "inspect",
    "logging",
    "pathlib",
    "tempfile",
    "typing",
}


def test_a_start_loads_nothing_heavy(tabular, toy, onnx_api):
    """Each of these costs a cold start more than a millisecond, and nothing that serves needs
    it.
    """
    program = f"import lambda_function\nlambda_function.lambda_handler({with_rows(tabular, [CUSTOMER])!r}, None)"
    loaded = loaded_by(program, tabular, toy, onnx_api)
    if onnx_api == "python":
        assert loaded & HEAVY <= loaded_by("import numpy, onnxruntime")
    else:  # some Pythons start with a few of them, for the .pth files of their site-packages
        assert loaded & (HEAVY | OF_PYTHON) <= loaded_by("pass")


def test_a_start_with_images_loads_nothing_heavy(imaging, image_toy):
    """An image in the request needs no HTTP and no TLS, and of Pillow only what reads the types
    that are taken.
    """
    event = json.loads(imaging.event_file.read_text())
    loaded = loaded_by(
        f"import lambda_function\nlambda_function.lambda_handler({event!r}, None)",
        imaging,
        image_toy,
    )
    without = loaded_by(
        f"import {', '.join(set(imported(imaging.folder / 'lambda_function.py')) - {'os', 'shared'} | {'onnxruntime'})}"
    )
    heavy = HEAVY | {
        "http",
        "socket",
        "ipaddress",
        "urllib.parse",
        "PIL.GifImagePlugin",
        "PIL.BmpImagePlugin",
        "PIL.MpoImagePlugin",
    }
    assert loaded & heavy <= without


def loaded_by(program, project=None, model=None, onnx_api="python"):
    """The modules that a program loads in a Python of its own."""
    environment = {"MODEL_PATH": str(model), "ONNX_API": onnx_api, "PATH": ""}
    environment |= {"PYTHONPATH": f"{project.folder}:{ROOT}"} if project else {}
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


OF_IMAGES = {
    "PIL",
    "tests.unit.toy_image",
    "tests.unit.toy_image_files",
    "tests.projects.pictures",
}  # what projects of rows cannot import


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_files_for_image_projects_import_pillow_when_they_are_collected(path):
    if kind_of_file(path) == "imaging" or path.stem == "pictures":
        return
    for node in ast.parse(path.read_text()).body:
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, (ast.Import, ast.ImportFrom))
            else []
        )
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
        assert not OF_IMAGES & {*names, *(name.split(".")[0] for name in names)}, path
