"""Each project scores a file of a hundred thousand rows or requests in S3, in real containers."""

import json
import re

import pytest

from tests.aws.conftest import close, without
from tests.aws.samples import bulk, is_tabular
from tests.handlers import answer_to

ROWS = 100_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["INPUT=", "OUTPUT=s3://b/k"],
            "INPUT= is not an address in S3 such as s3://bucket/folder/customers.csv",
        ),
        (
            ["INPUT=s3://b/k.csv", "OUTPUT=s3://b"],
            "OUTPUT=s3://b is not an address in S3 such as s3://bucket/folder",
        ),
        (
            ["INPUT=s3://b/k.txt", "OUTPUT=s3://b/k"],
            "INPUT=s3://b/k.txt is not a .csv or .jsonl file",
        ),
        (
            ["INPUT=s3://b/k.csv", "OUTPUT=s3://b/k"],
            'the function may not use the bucket b: add data_buckets = ["b"]',
        ),
        (["INPUT=s3://{}/no.csv", "OUTPUT=s3://{}/k"], "there is no s3://"),
        (["INPUT=s3://{}/k.csv", "OUTPUT=s3://{}/input"], "OUTPUT=s3://"),
        (["INPUT=s3://{}/k.csv", "OUTPUT=s3://{}/input/k"], "OUTPUT=s3://"),
    ],
)
def test_a_bulk_job_that_cannot_be(local_aws_checkout, project, deployed, arguments, message):
    arguments = [argument.replace("{}", deployed["BucketName"]) for argument in arguments]
    output = local_aws_checkout.make("score", f"MODEL={project.name}", *arguments, ok=False)
    lines = [line for line in output.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 2 and lines[1].startswith(message), output


def test_a_bulk_job_that_fails_says_why(local_aws_checkout, project, bucket):
    s3 = local_aws_checkout.client("s3")
    s3.put_object(Bucket=bucket, Key="bulk/wrong.csv", Body=b"a,b\n1,2\n")
    arguments = [
        f"MODEL={project.name}",
        f"INPUT=s3://{bucket}/bulk/wrong.csv",
        f"OUTPUT=s3://{bucket}/bulk/wrong",
    ]
    why = "header lacks " if is_tabular(project) else "the request must be a .jsonl file"
    assert f"InvalidInput: {why}" in local_aws_checkout.make("score", *arguments, ok=False)


def test_a_job_that_is_cut_short_is_stopped_and_done_again(local_aws_checkout, project, bucket):
    """Ctrl-C ends the job too, which would cost money for as long as it ran."""
    s3, client = local_aws_checkout.client("s3"), local_aws_checkout.client("stepfunctions")
    suffix, data, _, _ = bulk(project, ROWS // 5)
    s3.put_object(Bucket=bucket, Key=f"bulk/again{suffix}", Body=data)
    job = [
        "score",
        f"MODEL={project.name}",
        f"INPUT=s3://{bucket}/bulk/again{suffix}",
        f"OUTPUT=s3://{bucket}/bulk/again",
    ]
    output = local_aws_checkout.cut_short(
        " parts done", *job, "ARGS=--part-bytes 20000"
    )  # many parts, so that it is not done before
    assert "stopped the job: the same command starts it again" in output
    machine = local_aws_checkout.outputs(project.name)["StateMachineArn"]
    assert "ABORTED" in {
        run["status"] for run in client.list_executions(stateMachineArn=machine)["executions"]
    }
    output = local_aws_checkout.make(*job)
    assert "until no call of the job before is running" in output, output
    assert re.search(r"^rows scored +19,998,", output, re.MULTILINE), output


def test_a_hundred_thousand_rows(local_aws_checkout, project, bucket):
    s3 = local_aws_checkout.client("s3")
    suffix, data, refused, asked = bulk(project, ROWS)
    s3.put_object(Bucket=bucket, Key=f"bulk/all{suffix}", Body=data)
    arguments = [
        f"MODEL={project.name}",
        f"INPUT=s3://{bucket}/bulk/all{suffix}",
        f"OUTPUT=s3://{bucket}/bulk/scored",
    ]
    output = local_aws_checkout.make("score", *arguments)
    assert re.search(r"^  \d+ of \d+ parts done, \d+ under way, 0 failed$", output, re.MULTILINE), (
        output
    )
    assert re.search(r"^rows in +100,000, in [\d.]+ s$", output, re.MULTILINE), output
    assert re.search(r"^rows scored +99,998,", output, re.MULTILINE) and re.search(
        r"^rows refused +2,", output, re.MULTILINE
    )
    assert re.search(r"^price +\$0\.00\d+ for \d+ calls", output, re.MULTILINE)
    messages = (
        s3.get_object(Bucket=bucket, Key="bulk/scored/refused.jsonl")["Body"].read().splitlines()
    )
    assert [json.loads(line)["line"] for line in messages] == refused
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="bulk/scored/part-")["Contents"]
    parts = sorted(item["Key"] for item in listed if "refused" not in item["Key"])
    rows = [
        row
        for key in parts
        for row in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
    ]
    assert len(rows) == ROWS
    for at in range(ROWS // 2, ROWS // 2 + 5):
        row = json.loads(rows[at])
        assert row.get("id") == (str(at) if is_tabular(project) else None)
        assert close(without(row, "id"), answer_to(project, asked[at]))
