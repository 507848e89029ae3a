"""Deployments that fail, are refused, or find resources of others."""

import json
import os
import pty
import re
import shutil
import subprocess

import pytest

from scripts.aws.local_aws import KEY
from tests.aws.checkout import COPY as NAME

pytestmark = pytest.mark.commands


def test_a_failing_first_deployment_leaves_nothing(mine):
    mine.clear(NAME)
    mine.make("push", f"MODEL={NAME}")
    template = mine.checkout.root / "scripts/aws/template.yaml"
    good = template.read_text()
    template.write_text(
        good.replace(
            "      PackageType: Image\n", "      PackageType: Image\n      Layers: [none]\n"
        )
    )
    try:
        output = mine.make("deploy", f"MODEL={NAME}", ok=False)
    finally:
        template.write_text(good)
    *_, message = [line for line in output.splitlines() if not line.startswith("make: ***")]
    assert re.match(
        r"Function \(AWS::Lambda::Function\) failed: .*; nothing was left of it$", message
    ), output
    mine.make("deploy", f"MODEL={NAME}")
    assert mine.alias(NAME) == ("1", {})


def test_a_change_that_cloudformation_refuses(mine):
    """A bucket of that name is there already, with something in it."""
    mine.clear(NAME)
    mine.make("push", f"MODEL={NAME}")
    bucket = f"{NAME}-123456789012-us-east-1"
    mine.client("s3").create_bucket(Bucket=bucket)
    output = mine.make("deploy", f"MODEL={NAME}", ok=False)
    *_, message = [line for line in output.splitlines() if not line.startswith("make: ***")]
    assert "DataBucket" in message and "already exists" in message and "Traceback" not in output, (
        output
    )
    mine.client("s3").delete_bucket(Bucket=bucket)
    mine.make("deploy", f"MODEL={NAME}")
    assert mine.alias(NAME) == ("1", {})


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_a_stack_in_rollback_complete(mine, command):
    """A command that is killed before it has cleaned up leaves such a stack."""
    mine.clear(NAME)
    mine.make("push", f"MODEL={NAME}")
    broken = {
        "Resources": {
            "Q": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"RedrivePolicy": {"maxReceiveCount": "x"}},
            }
        }
    }
    broken["Resources"]["V"] = {
        "Type": "AWS::Lambda::Url",
        "Properties": {"TargetFunctionArn": "none", "AuthType": "NONE"},
    }
    cfn = mine.client("cloudformation")
    tags = [{"Key": "made-by", "Value": "onnx-on-lambda"}]
    cfn.create_stack(StackName=NAME, TemplateBody=json.dumps(broken), Tags=tags)
    status = ""
    while not status.endswith("COMPLETE"):
        status = cfn.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]
    assert status == "ROLLBACK_COMPLETE"
    output = mine.make(command, f"MODEL={NAME}", "YES=1")
    if command == "deploy":
        assert (
            "clearing away the stack of an earlier attempt (ROLLBACK_COMPLETE)" in output
            and mine.alias(NAME) == ("1", {})
        )
    else:
        mine.assert_nothing_left(NAME)


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_a_stack_that_was_left_in_review(mine, command):
    """A command that is killed before it executes its change set leaves such a stack."""
    mine.clear(NAME)
    mine.make("push", f"MODEL={NAME}")
    template = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    cfn = mine.client("cloudformation")
    cfn.create_change_set(
        StackName=NAME,
        ChangeSetName=f"before-{command}",
        ChangeSetType="CREATE",
        TemplateBody=template,
    )
    assert cfn.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    for other in ("url", "rollback"):
        assert f"{NAME} is not deployed" in mine.make(other, f"MODEL={NAME}", ok=False)
    mine.make(command, f"MODEL={NAME}", "YES=1")
    if command == "deploy":
        assert mine.alias(NAME) == ("1", {})
    else:
        mine.assert_nothing_left(NAME)


def on_aws(local_aws_checkout):
    """Variables with which the local AWS is AWS to the commands: an address that is not known to be
    this machine's.
    """
    url = f"http://127.0.0.2:{local_aws_checkout.port}"
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
    }


def answered(local_aws_checkout, answers, *arguments, **variables):
    """Runs make at a terminal with these answers to what it asks; gives its exit status and what it
    printed.
    """
    ours, its = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as terminal, os.fdopen(its, "rb") as stdin:
        terminal.write(answers.encode())
        checkout = local_aws_checkout.checkout
        ran = subprocess.run(
            ["make", *arguments],
            cwd=checkout.root,
            env={**checkout.environment, **variables},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return ran.returncode, ran.stdout


def test_nothing_is_made_on_aws_without_a_yes(mine, reachable):
    """The question names the account and the region, and comes after the prices."""
    mine.clear(NAME)
    elsewhere = on_aws(mine)
    where = f"AWS at {elsewhere['AWS_ENDPOINT_URL']}, account 123456789012, region us-east-1"
    for command in ("push", "deploy"):
        refused = mine.make(command, f"MODEL={NAME}", ok=False, **elsewhere)
        assert f"{where}\n" in refused and "building" not in refused
        assert (
            f"nobody is there to answer: set YES=1 to go on without the question ({command} "
            f"{NAME} to {where}?)" in refused
        )
        assert refused.index(
            f"the first deployment of {NAME} in this region. Its costs, "
        ) < refused.index("nobody")
        status, refused = answered(mine, "n\n", command, f"MODEL={NAME}", **elsewhere)
        assert (
            status
            and f"{command} {NAME} to {where}? [y/N] " in refused
            and "nothing was done" in refused
        )
        with pytest.raises(
            mine.client("cloudformation").exceptions.ClientError, match="does not exist"
        ):
            mine.outputs(NAME)
        if command == "push":
            assert NAME not in [
                found["repositoryName"]
                for found in mine.client("ecr").describe_repositories()["repositories"]
            ]
            mine.make("push", f"MODEL={NAME}")


def test_push_asks_before_it_trains(mine, reachable):
    mine.clear(NAME)
    build = mine.checkout.root / NAME / "build"
    kept = build.rename(build.with_name("kept"))
    try:
        refused = mine.make("push", f"MODEL={NAME}", ok=False, **on_aws(mine))
        assert "nobody is there to answer" in refused and not build.exists()
    finally:
        shutil.rmtree(build, ignore_errors=True)
        kept.rename(build)


def test_push_and_deploy_ask_once(mine, reachable):
    mine.clear(NAME)
    elsewhere = on_aws(mine)
    status, first = answered(mine, "y\ny\n", "push", "deploy", f"MODEL={NAME}", **elsewhere)
    assert (
        status == 0 and first.count("[y/N]") == 1 and f"push and deploy {NAME} to AWS at " in first
    ), first
    assert first.count("the first deployment") == 1 and "live is version 1\n" in first
    again = mine.make("push", "deploy", f"MODEL={NAME}", "YES=1", **elsewhere)
    assert "the first deployment" not in again and "is up to date" in again
    # In the other order nobody has agreed to anything before the deployment.
    assert f"(deploy {NAME} to AWS at " in mine.make(
        "deploy", "push", f"MODEL={NAME}", ok=False, **elsewhere
    )


def test_a_stack_and_a_repository_of_somebody_else_are_left_alone(mine):
    mine.clear(NAME)
    mine.client("ecr").create_repository(repositoryName=NAME)
    template = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    mine.client("cloudformation").create_stack(StackName=NAME, TemplateBody=template)
    try:
        assert "not made by these commands: rename the folder" in mine.make(
            "push", f"MODEL={NAME}", ok=False
        )
        mine.make("destroy", f"MODEL={NAME}", "YES=1", ok=False)
        assert mine.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        assert mine.client("ecr").describe_repositories(repositoryNames=[NAME])["repositories"]
    finally:
        mine.client("cloudformation").delete_stack(StackName=NAME)
        mine.client("ecr").delete_repository(repositoryName=NAME, force=True)
