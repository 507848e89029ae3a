"""No AWS, or not as it should be: one line with what to set."""

import os
import subprocess
import sys

import botocore.exceptions as errors
import pytest

from scripts.aws import explained
from scripts.emulator import free_port
from scripts.project import ROOT

COMMANDS = {
    "push": ["scripts/push.py"],
    "deploy": ["scripts/deploy.py"],
    "url": ["scripts/outputs.py"],
    "invoke": ["scripts/invoke.py", "EVENT", "--model"],
    "logs": ["scripts/logs.py"],
    "rollback": ["scripts/live.py", "rollback"],
    "destroy": ["scripts/destroy.py", "--yes"],
}


def told(checkout, project, command, **variables):
    """The one line that a command ends with, in an environment without AWS."""
    script = [word.replace("EVENT", f"{project.name}/event.json") for word in COMMANDS[command]]
    clean = {key: value for key, value in checkout.environment.items() if not key.startswith("AWS_")}
    nowhere = {"HOME": str(checkout.root / "home"), "AWS_EC2_METADATA_DISABLED": "true"}
    process = subprocess.run(
        [sys.executable, *script, project.name],
        cwd=checkout.root,
        env={**clean, **nowhere, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 1 and not process.stdout, process.stdout
    [line] = process.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_no_credentials(checkout, project, command):
    line = told(checkout, project, command, AWS_REGION="us-east-1")
    assert line == "no AWS credentials: set AWS_PROFILE, or run `aws configure`; without an account, run `make local-aws`"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_local_aws_that_does_not_answer_is_never_taken_for_aws(checkout, project, command):
    """As after a restart of the machine: the commands must not go to AWS because of it."""
    home = checkout.root / ".local-aws"
    home.mkdir()
    (home / "endpoint").write_text(url := f"http://127.0.0.1:{free_port()}")
    line = told(checkout, project, command, AWS_ACCESS_KEY_ID="real", AWS_SECRET_ACCESS_KEY="real", AWS_REGION="us-east-1")
    assert line == f"nothing answers at {url}: run `make local-aws` to start it, or `make local-aws-stop` to go to AWS"


def test_no_region(checkout, project):
    assert told(checkout, project, "deploy") == "no AWS region: set AWS_REGION, to us-east-1 say"


def test_a_region_that_is_none(checkout, project):
    assert (
        told(checkout, project, "deploy", AWS_REGION="us-west-9")
        == "AWS has no region us-west-9: set AWS_REGION, to us-east-1 say"
    )


def test_an_unknown_profile(checkout, project):
    line = told(checkout, project, "deploy", AWS_REGION="us-east-1", AWS_PROFILE="nobody")
    assert line.endswith("(nobody) could not be found: set AWS_PROFILE to one that `aws configure list-profiles` shows")


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        (
            "ExpiredToken",
            "x",
            "the AWS credentials have expired: log in again (`aws sso login`, or new keys in ~/.aws/credentials)",
        ),
        ("InvalidClientTokenId", "x", "AWS does not know these credentials (InvalidClientTokenId): check AWS_PROFILE, and"),
        (
            "AccessDenied",
            "User: u is not authorized\n to perform: ecr:X",
            "not allowed: User: u is not authorized to perform: ecr:X: ask",
        ),
        ("Throttling", "Rate exceeded", "CreateThing failed: Rate exceeded"),
    ],
)
def test_what_aws_refuses(code, message, line):
    error = errors.ClientError({"Error": {"Code": code, "Message": message}}, "CreateThing")
    assert explained(error).startswith(line) and "\n" not in explained(error)


def test_an_expired_login():
    assert explained(errors.UnauthorizedSSOTokenError()).startswith("the AWS login has expired: log in again (`aws sso login`")


def test_push_without_an_engine(place, project):
    output = place.make("push", f"MODEL={project.name}", ok=False, DOCKER="no-such-docker")
    assert "no-such-docker is not installed: install and start Docker" in output and "Traceback" not in output


def test_a_local_aws_without_an_engine(checkout):
    environment = {**checkout.environment, "DOCKER": "no-such-docker", "PYTHONPATH": str(checkout.root)}
    command = [sys.executable, "scripts/local_aws.py", "start", "--port", str(free_port())]
    ran = subprocess.run(command, cwd=checkout.root, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1 and ran.stderr.startswith("no-such-docker is not installed: the local AWS runs functions in")


def test_the_wrong_platform(place, project):
    """An image for one processor does not run on the other: exec format error."""
    place.make("push", f"MODEL={project.name}")
    code = (
        "from scripts.push import require_platform; from scripts.project import Project; import sys; p = Project(sys.argv[1]); "
    )
    code += "p.architecture = 'arm64' if p.architecture == 'x86_64' else 'x86_64'; require_platform(p)"
    command = [sys.executable, "-c", code, project.name]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ran.returncode == 1 and "build it with BUILD_FLAGS='--platform linux/" in ran.stderr, ran.stderr
