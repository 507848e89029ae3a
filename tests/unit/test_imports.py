"""What travels into the image imports little, knows no feature, and knows ONNX Runtime in one place."""

import ast
import json
import subprocess
import sys

import pytest

from scripts.project import ROOT
from tests.unit.toy import CUSTOMER

SERVING = sorted((ROOT / "shared/serving").glob("*.py"))


def imported(path):
    """The top-level names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", SERVING, ids=lambda path: path.stem)
def test_serving_imports_the_standard_library_and_onnx_model_alone_more(path):
    beyond = set(imported(path)) - set(sys.stdlib_module_names) - {"shared"}
    allowed = {"onnx_model": {"numpy", "onnxruntime"}, "storage": {"boto3", "botocore"}}  # boto3 is in AWS's base image
    assert beyond == allowed.get(path.stem, set())


def test_handler_imports_neither_numpy_nor_onnxruntime(tabular):
    beyond = set(imported(tabular.folder / "lambda_function.py")) - set(sys.stdlib_module_names)
    assert beyond == {"shared"}


def test_no_feature_is_named_in_what_serves(tabular):
    names = json.loads(tabular.event_file.read_text())["customer"]
    for path in [*SERVING, tabular.folder / "lambda_function.py"]:
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not words & set(names), path


def test_a_start_loads_nothing_heavy(tabular, toy):
    """Each of these costs a cold start more than a millisecond, and nothing that serves needs it."""
    program = f"""
import json, sys
import lambda_function
lambda_function.lambda_handler({{"customer": {CUSTOMER!r}}}, None)
print(json.dumps(sorted(sys.modules)))"""
    path = f"{tabular.folder}:{ROOT}"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"MODEL_PATH": str(toy), "PYTHONPATH": path, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    heavy = {"asyncio", "boto3", "botocore", "dataclasses", "email", "http.client", "onnx", "pandas", "requests", "scipy"}
    heavy |= {"google.protobuf", "flatbuffers", "packaging", "sklearn", "ssl", "urllib.request", "numpy.f2py", "numpy.testing"}
    assert loaded & heavy <= loaded_by("import numpy, onnxruntime")


def loaded_by(statement):
    """The modules that a statement loads in a Python of its own."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout))
