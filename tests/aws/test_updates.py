"""A copied project that is deployed, changed, given a canary, rolled back and destroyed."""

import json
import re
import shutil
import subprocess

import pytest

from scripts.local.docker import DOCKER
from tests.aws.checkout import COPY as NAME
from tests.aws.checkout import eventually
from tests.aws.conftest import close
from tests.aws.samples import table
from tests.handlers import answer_to, example

pytestmark = pytest.mark.commands


def deploy(local_aws_checkout, *arguments, **settings):
    """Deploys with other settings, which make another version."""
    local_aws_checkout.set(NAME, **settings)
    return local_aws_checkout.make("deploy", f"MODEL={NAME}", *arguments)


def test_a_canary_is_promoted(fresh):
    output = deploy(fresh, "CANARY=10", memory=300)
    assert "live is version 1, version 2 gets 10% of the calls" in output and fresh.alias(NAME) == (
        "1",
        {"2": 0.1},
    )
    assert "live is version 1, version 2 gets 25%" in deploy(fresh, "CANARY=25")
    deploy(fresh, requests_per_second=7)  # something else: the canary goes on
    assert fresh.alias(NAME) == ("1", {"2": 0.25})
    fresh.make("promote", f"MODEL={NAME}")
    assert fresh.alias(NAME) == ("2", {})
    assert "version 2 is live already" in fresh.make("promote", f"MODEL={NAME}", ok=False)
    assert "version 2 is live already" in fresh.make(
        "deploy", f"MODEL={NAME}", "CANARY=10", ok=False
    )
    assert "CANARY=100 is not a percentage" in fresh.make(
        "deploy", f"MODEL={NAME}", "CANARY=100", ok=False
    )


def test_a_canary_is_taken_back(fresh):
    deploy(fresh, "CANARY=10", memory=300)
    fresh.make("rollback", f"MODEL={NAME}")
    assert fresh.alias(NAME) == ("1", {})
    output = deploy(fresh)
    assert "it was rolled back from version 2" in output and fresh.alias(NAME) == ("1", {})


def test_rollback_twice_and_forward_again(fresh):
    for memory in (300, 400):
        deploy(fresh, memory=memory)
    assert fresh.alias(NAME)[0] == "3"
    for version in ("2", "1"):
        assert f"live is version {version}" in fresh.make("rollback", f"MODEL={NAME}")
        assert fresh.alias(NAME)[0] == version
    assert "there is no version before 1 to go back to" in fresh.make(
        "rollback", f"MODEL={NAME}", ok=False
    )
    # Something else is deployed: what was rolled back stays so, and the user is told.
    assert "it was rolled back from version 3: `make promote`" in deploy(
        fresh, requests_per_second=9
    )
    assert fresh.alias(NAME)[0] == "1"
    fresh.make("promote", f"MODEL={NAME}")
    assert fresh.alias(NAME)[0] == "3"
    deploy(fresh, memory=500)
    fresh.make("rollback", f"MODEL={NAME}")
    assert fresh.alias(NAME)[0] == "3"  # which was live before, and not 2, which is older


def test_another_image_and_back(fresh, tabular):
    """The content decides: an older one that is pushed again is found, and deployed as a version of
    its own.
    """
    handler = fresh.checkout.root / NAME / "lambda_function.py"
    before = handler.read_text()
    handler.write_text(f'{before}\n\nservice.predict = lambda request: {{"changed": True}}\n')
    try:
        fresh.make("push", "deploy", f"MODEL={NAME}")
        assert (
            json.loads(fresh.quiet("invoke", f"MODEL={NAME}")) == {"changed": True}
            and fresh.alias(NAME)[0] == "2"
        )
    finally:
        handler.write_text(before)
    assert "has the same content: nothing to push" in fresh.make("push", "deploy", f"MODEL={NAME}")
    assert close(
        json.loads(fresh.quiet("invoke", f"MODEL={NAME}")), answer_to(tabular, example(tabular))
    )
    assert fresh.alias(NAME)[0] == "3"
    fresh.make("rollback", f"MODEL={NAME}")
    assert json.loads(fresh.quiet("invoke", f"MODEL={NAME}")) == {"changed": True}


def test_files_are_scored_without_bulk_scoring_too(fresh, tabular, reachable):
    """Whose permissions cover the bucket as well: without them, the function has those for input/
    and results/ alone.
    """
    deploy(fresh, bulk=False)
    try:
        s3, bucket = fresh.client("s3"), fresh.outputs(NAME)["BucketName"]
        s3.put_object(Bucket=bucket, Key="input/few.csv", Body=table(tabular, 3)[0])
        result = eventually(
            lambda: s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents")
        )[0]
        assert len(s3.get_object(Bucket=bucket, Key=result["Key"])["Body"].read().splitlines()) == 3
    finally:
        fresh.set(NAME, bulk=True)


def test_five_versions_are_kept(fresh):
    for memory in range(300, 306):
        output = deploy(fresh, memory=memory)
    assert "deleted version 2, to which `make rollback` no longer leads" in output
    versions = fresh.client("lambda").list_versions_by_function(FunctionName=NAME)["Versions"]
    assert [found["Version"] for found in versions] == ["$LATEST", "3", "4", "5", "6", "7"]
    assert "live is version 6" in fresh.make("rollback", f"MODEL={NAME}")


def test_a_failing_update_leaves_all_as_it_was(fresh, tabular):
    """There is a function URL already, which somebody made in the console."""
    client = fresh.client("lambda")
    client.create_function_url_config(FunctionName=NAME, Qualifier="live", AuthType="AWS_IAM")
    fresh.set(NAME, function_url="iam", memory=350)
    output = fresh.make("deploy", f"MODEL={NAME}", ok=False)
    *_, message = [line for line in output.splitlines() if not line.startswith("make: ***")]
    assert re.match(
        r"FunctionUrl \(AWS::Lambda::Url\) failed: .*; the stack is back where it was$", message
    ), output
    assert fresh.alias(NAME) == ("1", {})
    assert close(
        json.loads(fresh.quiet("invoke", f"MODEL={NAME}")), answer_to(tabular, example(tabular))
    )
    client.delete_function_url_config(FunctionName=NAME, Qualifier="live")
    output = fresh.make("deploy", f"MODEL={NAME}")
    assert re.search(r"^live is version \d+$", output, re.MULTILINE) and re.search(
        "^function URL +http", output, re.MULTILINE
    )
    assert client.get_function_configuration(FunctionName=f"{NAME}:live")["MemorySize"] == 350
    fresh.set(NAME, function_url="off")


def test_destroy_asks_once_and_leaves_nothing(fresh):
    bucket = fresh.outputs(NAME)["BucketName"]
    fresh.client("s3").put_object(Bucket=bucket, Key="a/b", Body=b"c")
    assert "nobody is there to answer: set YES=1" in fresh.make(
        "destroy", f"MODEL={NAME}", ok=False
    )
    assert fresh.alias(NAME) == ("1", {})
    output = fresh.make("destroy", f"MODEL={NAME}", "YES=1")
    for what in (
        "stack",
        "function",
        "images",
        "repository",
        "bucket",
        "log group",
        "HTTP API",
        "queues",
        "roles",
    ):
        assert re.search(rf"^  {what} +deleted$", output, re.MULTILINE), what
    fresh.assert_nothing_left(NAME)
    again = fresh.make("destroy", f"MODEL={NAME}", "YES=1")
    assert f"nothing of {NAME} is left" in again
    message = fresh.make("deploy", f"MODEL={NAME}", ok=False)
    assert f"{NAME} has no image in ECR here: run `make push MODEL={NAME}`" in message
    for command in ("invoke", "url", "logs", "rollback", "promote"):
        output = fresh.make(command, f"MODEL={NAME}", ok=False)
        assert f"run `make push deploy MODEL={NAME}`" in output and "Traceback" not in output


def test_an_image_that_was_built_elsewhere(fresh, tmp_path):
    """Pushed and deployed without a model on this machine, which therefore is neither trained nor
    exported.
    """
    image, build = f"{NAME}-elsewhere:1.0", fresh.checkout.root / NAME / "build"
    status, built = fresh.checkout.python("scripts/project.py", NAME, "--image")
    (tmp_path / "Dockerfile").write_text(f"FROM {built.strip()}\nLABEL built=elsewhere\n")
    assert status == 0
    subprocess.run(
        [DOCKER, "build", "--quiet", "--tag", image, tmp_path], check=True, capture_output=True
    )
    build.rename(build.with_name("elsewhere"))
    try:
        output = fresh.make("push", "deploy", f"MODEL={NAME}", f"IMAGE={image}", DOCKER=DOCKER)
        assert "pushing" in output and "building" not in output and "live is version 2\n" in output
        assert [path.name for path in build.iterdir()] == ["pushed.json"]
        assert "has the same content: nothing to push" in fresh.make(
            "push", f"MODEL={NAME}", f"IMAGE={image}"
        )
        missing = fresh.make("push", f"MODEL={NAME}", "IMAGE=no-such-image:1", ok=False)
        assert (
            f"\n{DOCKER} has no image no-such-image:1: " in missing and "Traceback" not in missing
        )
        assert "\nIMAGE=--all does not name an image" in fresh.make(
            "push", f"MODEL={NAME}", "IMAGE=--all", ok=False
        )
    finally:
        shutil.rmtree(build, ignore_errors=True)
        build.with_name("elsewhere").rename(build)
