"""The image: what is in it, what it weighs, and that it answers as the framework does under Lambda's limits."""

import json
import os
import subprocess

import numpy as np
import pytest
import requests

from scripts.build import build
from scripts.docker import DOCKER, build_command
from scripts.docker import base_image as base_image_of
from scripts.emulator import Emulator, free_port
from scripts.invoke import Function, FunctionFailed
from scripts.project import ROOT, RUNTIMES, Project
from tests.processes import wait_until
from tests.projects.test_tabular import held_out

MOST_ADDED = {"python": 110_000_000, "c": 40_000_000}  # bytes on top of the base image; scikit-learn itself would add 292 MB
LEAST_MEMORY = 128  # MB, the smallest function


def docker(*arguments):
    ran = subprocess.run([DOCKER, *map(str, arguments)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def inside(project, program):
    """What a Python program in the image printed, as JSON."""
    return json.loads(docker("run", "--rm", "--entrypoint", "python3", project.image, "-c", program))


@pytest.fixture(scope="module", params=RUNTIMES)
def image(tabular, base_image, request):
    """A project whose image is built, with each of the two ways to run a model, under a name that only the tests use."""
    project = Project(tabular.name)
    project.image, project.runtime = f"{project.name}:test-{request.param}", request.param
    build(project, quiet=True)
    yield project
    docker("image", "rm", "--no-prune", project.image)


@pytest.fixture(scope="module")
def served(image, tmp_path_factory):
    """The image under the emulator with the least memory; gives the function, its log and its port."""
    image.memory, image.timeout = LEAST_MEMORY, 60
    log = tmp_path_factory.mktemp("log") / "log"
    port = free_port()
    with log.open("w") as output, Emulator(image, port, container=True, output=output):
        yield Function(endpoint_url=f"http://127.0.0.1:{port}"), log, port


def test_bytes_added_to_the_base_image(image):
    ours, base = (int(docker("image", "inspect", "-f", "{{.Size}}", name)) for name in (image.image, base_image_of(image)))
    assert 0 < ours - base <= MOST_ADDED[image.runtime]


def test_nothing_of_training_and_no_secret_is_in_the_image(image):
    program = """
import json, pathlib
root = pathlib.Path("/var/task")
print(json.dumps([str(path.relative_to(root)) for path in root.rglob("*.*")]))"""
    names = set(inside(image, program))
    assert {"lambda_function.py", "model.onnx", "shared/serving/events.py"} <= names
    tops = {name.split("/")[0].split("-")[0].removesuffix(".libs") for name in names}
    packages = {"onnxruntime"} | ({"numpy"} if image.runtime == "python" else set())
    assert tops == {"lambda_function.py", "__pycache__", "model.onnx", "shared"} | packages, tops
    assert not [name for name in names if name.startswith(("shared/training", "shared/data")) or "train" in name.split("/")[-1]]
    assert not [line for line in docker("history", "--no-trunc", image.image).splitlines() if "AWS_SECRET" in line]


def test_the_handler_loads_what_its_way_to_run_a_model_needs_and_no_more(image):
    loaded = set(inside(image, "import json, sys, lambda_function; print(json.dumps(sorted(sys.modules)))"))
    assert loaded & {"numpy", "onnxruntime"} == ({"numpy", "onnxruntime"} if image.runtime == "python" else set())
    assert "shared.serving.onnx_python" in loaded or image.runtime == "c"
    assert ("shared.serving.onnx_c" in loaded) == (image.runtime == "c")


def test_everything_is_compiled_and_trusted_without_a_look_at_the_source(image):
    program = """
import json, pathlib
sources = [p for p in pathlib.Path("/var/task").rglob("*.py")]
compiled = {str(p): p.parent / "__pycache__" / f"{p.stem}.cpython-313.pyc" for p in sources}
print(json.dumps([name for name, pyc in compiled.items() if not pyc.exists() or pyc.read_bytes()[4:8] != bytes([1, 0, 0, 0])]))"""
    assert inside(image, program) == []


def test_the_answers_are_the_framework_s_for_500_customers(image, served):
    table, model, features = held_out(image)
    table = table.sample(500, random_state=0)
    customers = json.loads(table[list(features)].to_json(orient="records", double_precision=6))
    function, _, _ = served
    answers = function({"customers": customers})["predictions"]
    got = np.array([answer["churn_probability"] for answer in answers])
    assert np.abs(got - model.predict_proba(table)[:, 1]).max() <= 1e-5
    threshold = image.metadata()["threshold"]
    assert [answer["churn"] for answer in answers] == [bool(value >= threshold) for value in got]


def test_ten_thousand_customers_fit_into_the_least_memory(image, served):
    function, _, _ = served
    customer = json.loads(image.event_file.read_text())["customer"]
    answers = function({"customers": [customer] * 10_000})["predictions"]
    assert len(answers) == 10_000 and answers[0] == answers[-1] == function({"customer": customer})


def test_a_refusal_and_an_http_error_come_through(served):
    function, _, port = served
    with pytest.raises(FunctionFailed, match=r"InvalidInput: customer\.\w+ is missing"):
        function({"customer": {}})
    answer = function({"version": "2.0", "rawPath": "/x", "requestContext": {"http": {"method": "GET"}, "stage": "$default"}})
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (404, 404)
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    assert requests.post(url, data="{", timeout=30).json()["errorType"] == "Runtime.UnmarshalError"


def test_the_log_is_json_lines(served):
    function, log, _ = served
    with pytest.raises(FunctionFailed):
        function({})

    def lines():
        return [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"level"')]

    assert wait_until(lambda: lines() and lines()[-1]["refused"] == 1)  # Docker passes lines on a little later
    assert [line["cold_start"] for line in lines()] == [True] + [False] * (len(lines()) - 1)


def test_the_root_is_read_only_and_the_user_is_nobody_in_particular(image, served):
    [name] = docker("ps", "--filter", f"name={image.name}-{os.getpid()}", "--format", "{{.Names}}").split()
    program = "import os; print(os.getuid()); open('/tmp/x', 'w').close(); open('/var/task/x', 'w')"
    ran = subprocess.run([DOCKER, "exec", name, "python3", "-c", program], capture_output=True, text=True)
    assert ran.stdout == "993\n" and "Read-only file system" in ran.stderr


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_both_builders_build_it(image, buildkit):
    if buildkit == "1" and not (client := with_buildkit()):
        pytest.skip("no docker client with BuildKit")
    command = build_command(image)
    command[0] = client if buildkit == "1" else DOCKER
    command[command.index("--tag") + 1] = f"{image.name}:builder-{buildkit}"
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "DOCKER_BUILDKIT": buildkit})
    docker("image", "rm", "--force", f"{image.name}:builder-{buildkit}")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def with_buildkit():
    """A docker client on this machine that can use BuildKit: one with buildx, or one old enough to have it built in."""
    for client in (DOCKER, "/usr/bin/docker"):
        for question in ("buildx", "version"), ("version", "--format", "{{.Client.Version}}"):
            asked = subprocess.run([client, *question], capture_output=True, text=True)
            if asked.returncode == 0 and (question[0] == "buildx" or asked.stdout.startswith("20.")):
                return client
    return None
