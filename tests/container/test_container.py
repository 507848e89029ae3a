"""The image of every project: what is in it, what it weighs, and that it runs within Lambda's
limits.
"""

import json
import os
import subprocess

import pytest
import requests

from scripts.benchmark.spread import largest_difference
from scripts.local.docker import DOCKER
from scripts.local.images import base_image as base_image_of
from scripts.local.images import build_command
from scripts.local.invoke import FunctionFailed
from scripts.project import ROOT
from tests.container.conftest import docker, inside, serving
from tests.handlers import answer_to, example
from tests.processes import wait_until

MOST_ADDED = {
    "python": 92_000_000,
    "c": 37_000_000,
}  # bytes on top of the base image and the model; scikit-learn adds 292 MB
MOST_FOR_PILLOW = 15_000_000  # more where the project takes images
PACKAGES = {
    "pillow": {"pillow", "PIL"}
}  # the folders that a package installs, where they have another name


@pytest.fixture(scope="module")
def served(image, tmp_path_factory):
    """The image under the emulator, with the memory of function.toml."""
    with serving(image, image.memory, tmp_path_factory.mktemp("log")) as served:
        yield served


def test_bytes_added_to_the_base_image(image):
    ours, base = (
        int(docker("image", "inspect", "-f", "{{.Size}}", name))
        for name in (image.image, base_image_of(image))
    )
    most = MOST_ADDED[image.onnx_api] + MOST_FOR_PILLOW * (
        "pillow" in (image.folder / "requirements.txt").read_text()
    )
    assert 0 < ours - base - image.model_file.stat().st_size <= most


def test_nothing_of_training_and_no_secret_is_in_the_image(image):
    program = """
import json, pathlib
root = pathlib.Path("/var/task")
print(json.dumps([str(path.relative_to(root)) for path in root.rglob("*.*")]))"""
    names = set(inside(image, program))
    assert {"lambda_function.py", "model.onnx", "shared/serving/app.py"} <= names
    tops = {name.split("/")[0].split("-")[0].removesuffix(".libs") for name in names}
    pinned = [
        line.split("==")[0]
        for line in (image.folder / "requirements.txt").read_text().splitlines()
        if "==" in line
    ]
    installed = set().union(*(PACKAGES.get(name, {name.replace("-", "_")}) for name in pinned))
    installed -= {"numpy"} if image.onnx_api == "c" else set()
    assert tops == {"lambda_function.py", "__pycache__", "model.onnx", "shared"} | installed, tops
    assert not [
        name
        for name in names
        if name.startswith(("shared/training", "shared/data")) or "train" in name.split("/")[-1]
    ]
    assert not [
        line
        for line in docker("history", "--no-trunc", image.image).splitlines()
        if "AWS_SECRET" in line
    ]


def test_the_handler_loads_what_its_way_to_run_a_model_needs_and_no_more(image):
    loaded = set(
        inside(image, "import json, sys, lambda_function; print(json.dumps(sorted(sys.modules)))")
    )
    assert loaded & {"numpy", "onnxruntime"} == (
        {"numpy", "onnxruntime"} if image.onnx_api == "python" else set()
    )
    assert "shared.serving.onnx.python" in loaded or image.onnx_api == "c"
    assert ("shared.serving.onnx.c" in loaded) == (image.onnx_api == "c")


def test_everything_is_compiled_and_trusted_without_a_look_at_the_source(image):
    program = """
import json, pathlib
sources = [p for p in pathlib.Path("/var/task").rglob("*.py")]
compiled = {str(p): p.parent / "__pycache__" / f"{p.stem}.cpython-313.pyc" for p in sources}
print(json.dumps([name for name, pyc in compiled.items() if not pyc.exists() or pyc.read_bytes()[4:8] != bytes([1, 0, 0, 0])]))"""
    assert inside(image, program) == []


def test_the_example_is_answered(image, served):
    function, _, _ = served
    answer, expected = function(example(image)), answer_to(image, example(image))
    assert (
        largest_difference(answer, expected) < 1e-5
    )  # another machine's arithmetic may differ in the last digits


def test_an_http_error_comes_through(served):
    function, _, port = served
    answer = function(
        {
            "version": "2.0",
            "rawPath": "/x",
            "requestContext": {"http": {"method": "GET"}, "stage": "$default"},
        }
    )
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (404, 404)
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    assert requests.post(url, data="{", timeout=30).json()["errorType"] == "Runtime.UnmarshalError"


def test_the_log_is_json_lines(served):
    function, log, _ = served
    with pytest.raises(FunctionFailed):
        function({})

    def lines():
        return [
            json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"level"')
        ]

    assert wait_until(
        lambda: lines() and lines()[-1]["refused"] == 1
    )  # Docker passes lines on a little later
    assert [line["cold_start"] for line in lines()] == [True] + [False] * (len(lines()) - 1)


def test_the_root_is_read_only_and_the_user_is_nobody_in_particular(image, served):
    [name] = docker(
        "ps", "--filter", f"name={image.name}-{os.getpid()}", "--format", "{{.Names}}"
    ).split()
    program = "import os; print(os.getuid()); open('/tmp/x', 'w').close(); open('/var/task/x', 'w')"
    ran = subprocess.run(
        [DOCKER, "exec", name, "python3", "-c", program], capture_output=True, text=True
    )
    assert ran.stdout == "993\n" and "Read-only file system" in ran.stderr


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_both_builders_build_it(image, buildkit):
    if buildkit == "1" and not (client := with_buildkit()):
        pytest.skip("no docker client with BuildKit")
    command = build_command(image)
    command[0] = client if buildkit == "1" else DOCKER
    command[command.index("--tag") + 1] = f"{image.image}-builder-{buildkit}"
    ran = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "DOCKER_BUILDKIT": buildkit},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def with_buildkit():
    """A docker client on this machine that can use BuildKit: one with buildx, or one old enough to
    have it built in.
    """
    for client in (DOCKER, "/usr/bin/docker"):
        for question in ("buildx", "version"), ("version", "--format", "{{.Client.Version}}"):
            asked = subprocess.run([client, *question], capture_output=True, text=True)
            if asked.returncode == 0 and (
                question[0] == "buildx" or asked.stdout.startswith("20.")
            ):
                return client
    return None
