"""Commands without AWS, or with a wrong configuration: one line says what to set."""

import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import botocore.exceptions as errors
import pytest

from scripts.aws.account import explained
from scripts.aws.stack import Stack
from scripts.aws.stack_events import StackEvents
from scripts.local.ports import free_port
from shared.errors import UserError

COMMANDS = {
    "push": ["scripts/aws/push.py"],
    "deploy": ["scripts/aws/deploy.py"],
    "url": ["scripts/aws/endpoints.py"],
    "invoke": ["scripts/local/invoke.py", "EVENT", "--model"],
    "logs": ["scripts/aws/logs.py"],
    "rollback": ["scripts/aws/alias.py", "rollback"],
    "destroy": ["scripts/aws/destroy.py", "--yes"],
}


def message_of(checkout, project, command, **variables):
    """The one line that a command ends with, in an environment without AWS."""
    script = [word.replace("EVENT", f"{project.name}/event.json") for word in COMMANDS[command]]
    clean = {
        key: value for key, value in checkout.environment.items() if not key.startswith("AWS_")
    }
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
def test_no_credentials(checkout, any_project, command):
    line = message_of(checkout, any_project, command, AWS_REGION="us-east-1")
    assert (
        line
        == "no AWS credentials: set AWS_PROFILE, or run `aws configure`; without an account, run `make local-aws`"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_local_aws_that_does_not_answer_is_never_taken_for_aws(checkout, any_project, command):
    """As after a restart of the machine: the commands must not go to AWS because of it."""
    home = checkout.root / ".local-aws"
    home.mkdir()
    (home / "endpoint").write_text(url := f"http://127.0.0.1:{free_port()}")
    line = message_of(
        checkout,
        any_project,
        command,
        AWS_ACCESS_KEY_ID="real",
        AWS_SECRET_ACCESS_KEY="real",
        AWS_REGION="us-east-1",
    )
    assert (
        line
        == f"nothing answers at {url}: run `make local-aws` to start it, or `make local-aws-stop` to go to AWS"
    )


def test_no_region(checkout, any_project):
    assert (
        message_of(checkout, any_project, "deploy")
        == "no AWS region: set AWS_REGION, to us-east-1 say"
    )


def test_a_region_that_is_none(checkout, any_project):
    assert (
        message_of(checkout, any_project, "deploy", AWS_REGION="us-west-9")
        == "AWS has no region us-west-9: set AWS_REGION, to us-east-1 say"
    )


def test_an_unknown_profile(checkout, any_project):
    line = message_of(checkout, any_project, "deploy", AWS_REGION="us-east-1", AWS_PROFILE="nobody")
    assert line.endswith(
        "(nobody) could not be found: set AWS_PROFILE to one that `aws configure list-profiles` "
        "shows"
    )


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        (
            "ExpiredToken",
            "x",
            "the AWS credentials have expired: log in again (`aws sso login`, or new keys in "
            "~/.aws/credentials)",
        ),
        (
            "InvalidClientTokenId",
            "x",
            "AWS does not know these credentials (InvalidClientTokenId): check AWS_PROFILE, and",
        ),
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


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        (
            "Specified ReservedConcurrentExecutions decreases account's "
            "UnreservedConcurrentExecution below its minimum",
            " (a new account may run 10 functions at once and reserve none: set "
            "reserved_concurrency = -1)",
        ),
        (
            "User: u is not authorized to perform: iam:CreateRole",
            " (ask for this permission (docs/deploy.md lists them))",
        ),
        (
            "Lambda does not have permission to access the ECR image.",
            " (run `make push` again, which lets Lambda pull)",
        ),
        ("Something\nelse", ""),
    ],
)
def test_what_cloudformation_could_not_make(capsys, reason, hint):
    """The resource that failed first is told, not those that were given up because of it."""
    common = {
        "LogicalResourceId": "Function",
        "ResourceType": "AWS::Lambda::Function",
        "Timestamp": datetime.now(UTC),
    }
    failed = {
        **common,
        "ResourceStatus": "CREATE_FAILED",
        "EventId": "2",
        "ResourceStatusReason": reason,
    }
    other = {
        **failed,
        "EventId": "1",
        "LogicalResourceId": "Log",
        "ResourceStatusReason": "Resource creation cancelled",
    }
    client = SimpleNamespace(
        describe_stack_events=lambda StackName: {"StackEvents": [failed, other]}
    )  # the newest first
    events = StackEvents(client, "my-model")
    events.show("id")
    assert "create_failed                      Function" in capsys.readouterr().out
    assert (
        events.first_failure()
        == f"Function (AWS::Lambda::Function) failed: {' '.join(reason.split())}{hint}"
    )


def test_an_expired_login():
    assert explained(errors.UnauthorizedSSOTokenError()).startswith(
        "the AWS login has expired: log in again (`aws sso login`"
    )


@pytest.mark.parametrize("name", ["my_model", "2nd-model", "my.model"])
def test_a_name_that_no_stack_may_have(checkout, any_project, name):
    """Said before anything is made, although an image may have it and everything on this machine
    works.
    """
    checkout.copy(any_project, name, build=True)
    assert message_of(checkout, SimpleNamespace(name=name), "push").startswith(
        f"{name} cannot be deployed: rename the folder"
    )
    with pytest.raises(UserError, match=f"{name} cannot be deployed"):
        Stack(SimpleNamespace(), name)  # type: ignore[arg-type]


def test_push_without_an_engine(local_aws_checkout, any_project):
    output = local_aws_checkout.make(
        "push", f"MODEL={any_project.name}", ok=False, DOCKER="no-such-docker"
    )
    assert (
        "no-such-docker is not installed: install and start Docker" in output
        and "Traceback" not in output
    )


def test_a_local_aws_without_an_engine(checkout):
    environment = {
        **checkout.environment,
        "DOCKER": "no-such-docker",
        "PYTHONPATH": str(checkout.root),
    }
    command = [sys.executable, "scripts/aws/local_aws.py", "start", "--port", str(free_port())]
    ran = subprocess.run(
        command, cwd=checkout.root, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 1 and ran.stderr.startswith(
        "no-such-docker is not installed: the local AWS runs functions in"
    )


def test_the_wrong_platform(base_image, checkout, any_project):
    """An image for one processor does not run on the other: exec format error."""
    assert checkout.make("build", f"MODEL={any_project.name}")[0] == 0
    code = (
        "from scripts.aws.push import require_platform; from scripts.project import Project; "
        "import sys; p = Project(sys.argv[1]); "
    )
    code += (
        "p.architecture = 'arm64' if p.architecture == 'x86_64' else 'x86_64'; "
        "require_platform(p, p.image)"
    )
    status, output = checkout.python("-c", code, any_project.name)
    assert status == 1 and "build it with BUILD_FLAGS='--platform linux/" in output, output
