"""Each foreseeable cause of failure ends in one line that says what happened and what to do."""

import hashlib
import os
import re
import shutil
import subprocess

import pytest

from scripts.local.docker import DOCKER
from scripts.local.images import base_image as base_image_of
from scripts.local.ports import free_port
from scripts.project import ROOT

pytestmark = pytest.mark.commands

SWITCHED, SWITCHES = (
    ("destroy", "local-aws-stop", "logs", "clean"),
    ("YES", "FORGET", "FOLLOW", "ALL"),
)


def messages(checkout, *arguments, **variables):
    """The lines that make printed, less its own about the failed target."""
    status, output = checkout.make(*arguments, **variables)
    assert status != 0, output
    return [line for line in output.splitlines() if not line.startswith("make: ***")]


def test_unknown_model(checkout):
    status, output = checkout.make("demo", "MODEL=no-such-model")
    assert status != 0 and output.count("\n") == 1
    assert "MODEL=no-such-model is not a project folder; choose one of " in output


def test_a_variable_that_is_none(checkout):
    status, output = checkout.make("demo", "model=x", "Data=y")
    assert status != 0 and output.count("\n") == 1
    assert re.search(
        r"\*\*\* (model Data|Data model) is not a variable of this Makefile; use MODEL PORT ",
        output,
    )


@pytest.mark.parametrize("value", ["0", "no", "off", "false", "n", ""])
def test_switches_that_say_no(checkout, value):
    status, output = checkout.make(
        "--dry-run", *SWITCHED, *(f"{name}={value}" for name in SWITCHES)
    )
    assert status == 0 and not re.search("--yes|forget|--follow|/build", output), output


@pytest.mark.parametrize("value", ["1", "yes", "on", "true", "y"])
def test_switches_that_say_yes(checkout, value):
    status, output = checkout.make(
        "--dry-run", *SWITCHED, *(f"{name}={value}" for name in SWITCHES)
    )
    assert status == 0
    for option in ("--yes", "local_aws.py forget", "--follow", " */build"):
        assert option in output


def test_a_switch_that_says_neither(checkout):
    status, output = checkout.make("destroy", "YES=maybe")
    assert status != 0 and output.endswith(
        "*** YES=maybe is neither 1 nor 0; write YES=1 or leave it out.  Stop.\n"
    )


def test_a_folder_s_name_as_the_shell_completes_it(checkout, any_project):
    status, output = checkout.make("export", f"MODEL={any_project.name}/")
    assert status == 0 and output.startswith(f"{any_project.name} is up to date")


def test_unknown_onnx_api(checkout, any_project):
    [line] = messages(checkout, "run", f"MODEL={any_project.name}", "ONNX_API=java")
    assert line == "ONNX_API=java is not known: choose python or c"


def test_a_name_that_no_image_can_have(checkout, any_project):
    checkout.popen("cp", "-r", any_project.name, "Bad").wait(timeout=60)
    status, output = checkout.python("scripts/local/build.py", "Bad")
    assert status == 1 and output.count("\n") == 1
    assert output.startswith("Bad cannot name an image: use lower-case letters")


@pytest.mark.parametrize("script", ["local/build", "local/run", "local/demo", "benchmark/compare"])
def test_no_model_yet(checkout, any_project, script):
    (checkout.root / any_project.name / "build/model.onnx").unlink()
    status, output = checkout.python(f"scripts/{script}.py", any_project.name)
    assert status == 1
    assert (
        output
        == f"{any_project.name} has no model.onnx yet: run `make export MODEL={any_project.name}`\n"
    )


@pytest.mark.parametrize("target", ["build", "run", "demo"])
def test_broken_model(checkout, any_project, target):
    (
        checkout.root / any_project.name / "build/exported.json"
    ).unlink()  # or else it would be made again
    (checkout.root / any_project.name / "build/model.onnx").write_bytes(b"broken")
    lines = messages(checkout, target, f"MODEL={any_project.name}", f"PORT={free_port()}")
    assert len(lines) == 1 and "build/model.onnx cannot be used (" in lines[0]
    assert lines[0].endswith("make it again with `make export` FORCE=1, which replaces this file")


def test_build_without_docker(checkout, any_project):
    [line] = messages(checkout, "build", f"MODEL={any_project.name}", DOCKER="no-such-docker")
    assert line.startswith("no-such-docker is not installed: install and start Docker")


def test_benchmark_without_docker(checkout, any_project):
    # Otherwise the first run also prints that it installs the packages of the benchmark.
    status, output = checkout.python("scripts/install.py", any_project.name, "benchmark")
    assert status == 0, output
    [line] = messages(checkout, "benchmark", f"MODEL={any_project.name}", DOCKER="no-such-docker")
    assert line.startswith(
        "no-such-docker is not installed: a benchmark compares images, so install and start Docker"
    )


def test_build_with_a_client_and_no_engine(checkout, any_project, tmp_path):
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    client.chmod(0o755)
    [line] = messages(checkout, "build", f"MODEL={any_project.name}", DOCKER=str(client))
    assert line.startswith(f"no {client} engine answers: install and start Docker")


@pytest.mark.parametrize("target", ["build", "benchmark"])
def test_a_base_image_that_cannot_be_pulled(checkout, any_project, docker, target):
    missing = "127.0.0.1:9/no/such/image:1"
    lines = messages(checkout, target, f"MODEL={any_project.name}", BASE_IMAGE=missing)
    assert lines == [
        f"pulling {missing}",
        f"{missing} is not here and cannot be pulled: check the network, or set BASE_IMAGE",
    ]


def test_a_base_image_without_the_runtime(checkout, any_project, base_image, tmp_path):
    base = base_image_of(any_project)
    bare = f"{any_project.name}-no-runtime:{os.getpid()}"
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nENTRYPOINT []\n")
    subprocess.run(
        [DOCKER, "build", "--quiet", "--tag", bare, tmp_path], check=True, capture_output=True
    )
    image = (
        f"{any_project.name}:local-{hashlib.sha256(str(checkout.root).encode()).hexdigest()[:8]}"
    )
    status, output = checkout.python("scripts/local/build.py", any_project.name, BASE_IMAGE=bare)
    assert status == 1 and output.splitlines()[-1].startswith(
        f"{image} cannot start: its base image {bare} has no entrypoint"
    )


@pytest.mark.parametrize("target", ["demo", "run", "invoke-local"])
@pytest.mark.parametrize("port", ["abc", "0", "70000", "80 80", "-1"])
def test_a_port_that_is_none(checkout, any_project, target, port):
    lines = messages(checkout, target, f"MODEL={any_project.name}", f"PORT={port}")
    assert lines == [f"PORT={port} is not a port: choose a number from 1 to 65535"]


def test_an_event_file_that_does_not_exist(checkout, any_project):
    lines = messages(
        checkout, "invoke-local", f"MODEL={any_project.name}", "EVENT=no such file.json"
    )
    assert lines == ["no such file.json cannot be read as JSON: No such file or directory"]


def test_demo_goes_on_without_the_base_image(checkout, any_project, docker):
    missing = "127.0.0.1:9/no/such/image:1"
    status, output = checkout.make(
        "demo", f"MODEL={any_project.name}", f"PORT={free_port()}", BASE_IMAGE=missing
    )
    assert status == 0, output
    assert f"without a container, because {missing} is not here and cannot be pulled" in output


SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "scripts").rglob("*.py")
    if re.search(r"ArgumentParser\(|parse_arguments\(", path.read_text())
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_has_help(run_script, script):
    ran = run_script(script, "--help")
    assert (
        ran.returncode == 0 and ran.stdout.startswith("usage:") and len(ran.stdout.splitlines()) > 4
    )


def test_make_alone_prints_help(checkout):
    status, output = checkout.make()
    assert status == 0
    for target in (
        "demo",
        "train",
        "export",
        "build",
        "run",
        "invoke-local",
        "local-aws",
        "local-aws-stop",
        "push",
        "deploy",
        "url",
        "invoke",
        "send",
        "logs",
        "score",
        "promote",
        "rollback",
        "destroy",
        "benchmark",
        "cold-starts",
        "test",
        "test-all",
        "test-unit",
        "lint",
        "format",
        "clean",
        "help",
    ):
        assert f"\n  {target} " in output


def test_clean_removes_what_was_made_and_the_models_on_demand(checkout, any_project):
    shutil.rmtree(
        checkout.root / ".venv"
    )  # or else the environment in which this test runs would be needed again
    model = checkout.root / any_project.name / "build/model.onnx"
    (checkout.root / ".venv/x").mkdir(parents=True)
    status, output = checkout.make("clean")
    assert status == 0 and model.exists(), output
    assert not (checkout.root / ".venv").exists() and not list(checkout.root.rglob("__pycache__"))
    status, output = checkout.make("clean", "ALL=1")
    assert status == 0 and not list(checkout.root.glob("*/build")), output
