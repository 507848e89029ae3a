"""What a user does with a deployed project, through real containers: each project, each way to call it."""

import io
import json
import re
import time

import pytest
import requests

from tests.aws.conftest import answer_of, eventually
from tests.projects.pictures import photo


def example(project):
    return json.loads(project.event_file.read_text())


def close(one, other):
    """Two answers, equal but for the last digits: another machine's arithmetic may differ in those."""
    return json.loads(json.dumps(one), parse_float=lambda text: round(float(text), 5)) == json.loads(
        json.dumps(other), parse_float=lambda text: round(float(text), 5)
    )


def test_push_makes_a_safe_repository(place, project, deployed):
    ecr = place.client("ecr")
    [repository] = ecr.describe_repositories(repositoryNames=[project.name])["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName=project.name)["lifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    [statement] = json.loads(ecr.get_repository_policy(repositoryName=project.name)["policyText"])["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert sorted(statement["Action"]) == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    assert statement["Condition"]["StringLike"]["aws:sourceArn"][0].endswith(f":function:{project.name}")
    [image] = ecr.describe_images(repositoryName=project.name)["imageDetails"]
    assert re.fullmatch(r"\d{8}T\d{6}-\S+", image["imageTags"][0])


def test_the_same_content_is_pushed_once(place, project, deployed):
    output = place.make("push", f"MODEL={project.name}")
    assert "has the same content: nothing to push" in output
    [image] = place.client("ecr").describe_images(repositoryName=project.name)["imageDetails"]
    assert output.splitlines()[-1] == f"127.0.0.1:{place.port}/{project.name}@{image['imageDigest']}"


def test_a_second_deployment_changes_nothing(place, project, deployed):
    output = place.make("deploy", f"MODEL={project.name}")
    assert f"the stack {project.name} is up to date" in output and "live is version 1\n" in output
    assert output.startswith(f"local AWS at {place.url}, account 123456789012, region us-east-1\n")


def test_invoke(place, project, deployed, answer):
    assert close(json.loads(place.quiet("invoke", f"MODEL={project.name}")), answer)


def test_http(place, project, deployed, answer):
    url = place.quiet("url", f"MODEL={project.name}")
    got = requests.post(f"{url}/predict", json=example(project), timeout=60)
    assert got.status_code == 200 and close(got.json(), answer)
    assert close(requests.post(f"{url}/", json=example(project), timeout=60).json(), answer)
    assert requests.get(f"{url}/health", timeout=60).json()["name"] == project.name
    assert requests.get(f"{url}/schema", timeout=60).json()["input_schema"]
    assert requests.get(f"{url}/nothing-here", timeout=60).status_code == 404
    refused = requests.post(f"{url}/predict", data="{", timeout=60)
    assert refused.status_code == 400 and refused.headers["content-type"] == "application/problem+json"


def test_logs(place, project, deployed):
    place.make("invoke", f"MODEL={project.name}")
    output = eventually(lambda: place.make("logs", f"MODEL={project.name}"))
    assert '"trigger": "invoke"' in output
    assert "is not a time such as" in place.make("logs", f"MODEL={project.name}", "SINCE=long", ok=False)


def test_an_event_on_the_bus(place, project, deployed, answer):
    entry = {"Source": project.name, "DetailType": "predict", "Detail": project.event_file.read_text()}
    assert not place.client("events").put_events(Entries=[entry])["FailedEntryCount"]
    lines = eventually(lambda: place.log(project.name, trigger="eventbridge"))
    assert close(lines[0]["answers"][0], answer)


def test_a_queue_and_its_dead_letters(place, project, deployed, answer):
    sqs = place.client("sqs")
    # The wait between two attempts, so that five of them fit into a test.
    sqs.set_queue_attributes(QueueUrl=deployed["QueueUrl"], Attributes={"VisibilityTimeout": "1"})
    sqs.send_message(QueueUrl=deployed["QueueUrl"], MessageBody=project.event_file.read_text())
    sqs.send_message(QueueUrl=deployed["QueueUrl"], MessageBody="not JSON")
    lines = eventually(lambda: [line for line in place.log(project.name, trigger="sqs") if line.get("answers")])
    assert close({**lines[0]["answers"][0], "message_id": 0}, {**answer, "message_id": 0})
    dead = eventually(lambda: sqs.receive_message(QueueUrl=deployed["DeadLettersUrl"]).get("Messages"))
    assert [message["Body"] for message in dead] == ["not JSON"]


def test_the_schedule_calls_with_the_example(place, project, deployed):
    """A scheduled call is a direct one, of which nobody asked for the answer."""
    before = len(place.log(project.name, trigger="invoke"))
    eventually(lambda: len(place.log(project.name, trigger="invoke")) > before, limit=90)


def test_what_fails_without_a_caller_is_kept(place, project, deployed):
    place.client("lambda").invoke(FunctionName=project.name, InvocationType="Event", Payload=b'{"unknown": 1}')
    sqs = place.client("sqs")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=deployed["FailuresUrl"]).get("Messages"))
    kept = json.loads(message["Body"])
    assert kept["requestPayload"] == {"unknown": 1} and "InvalidInput" in json.dumps(kept["responsePayload"])


def test_an_image_in_the_bucket(place, imaging, imaging_bucket):
    s3, bucket = place.client("s3"), imaging_bucket
    data = io.BytesIO()
    photo("red", 1).save(data, "JPEG")
    s3.put_object(Bucket=bucket, Key="input/a photo.jpg", Body=data.getvalue())
    found = eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents"))
    assert [item["Key"] for item in found] == ["results/input/a photo.jpg.json"]
    answer = json.loads(s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read())
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_a_table_in_the_bucket(place, tabular, tabular_bucket):
    s3, bucket = place.client("s3"), tabular_bucket
    customer = example(tabular)["customer"]
    lines = [",".join(["id", *customer]), *(",".join([str(at), *map(str, customer.values())]) for at in range(50))]
    s3.put_object(Bucket=bucket, Key="input/july.csv", Body="\n".join(lines).encode())
    found = eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents"))
    assert [item["Key"] for item in found] == ["results/input/july.csv.jsonl"]
    rows = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read().splitlines()]
    assert [row["id"] for row in rows] == [str(at) for at in range(50)] and close(
        {**rows[9], "id": 0}, {**answer_of(tabular), "id": 0}
    )
    time.sleep(1)  # the result has not started anything
    assert len(place.log(tabular.name, trigger="s3")) == 1


def test_a_hundred_thousand_rows(place, tabular, tabular_bucket):
    s3, bucket = place.client("s3"), tabular_bucket
    customer = example(tabular)["customer"]
    lines = [",".join(["id", *customer]), *(",".join([str(at), *map(str, customer.values())]) for at in range(100_000))]
    lines[70_000], lines[99_999] = "bad", lines[99_999].replace("80.85", "cheap")
    s3.put_object(Bucket=bucket, Key="bulk/all.csv", Body="\n".join(lines).encode())
    arguments = [f"MODEL={tabular.name}", f"INPUT=s3://{bucket}/bulk/all.csv", f"OUTPUT=s3://{bucket}/bulk/scored"]
    output = place.make("score", *arguments)
    assert re.search(r"^rows in +100,000, in [\d.]+ s$", output, re.MULTILINE), output
    assert re.search(r"^rows scored +99,998,", output, re.MULTILINE) and re.search(r"^rows refused +2,", output, re.MULTILINE)
    assert re.search(r"^price +\$0\.00\d+ for \d+ calls", output, re.MULTILINE)
    refused = s3.get_object(Bucket=bucket, Key="bulk/scored/refused.jsonl")["Body"].read().splitlines()
    assert [json.loads(line)["line"] for line in refused] == [70_001, 100_000]  # as an editor counts them
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="bulk/scored/part-")["Contents"]
    parts = sorted(item["Key"] for item in listed if "refused" not in item["Key"])
    rows = [row for key in parts for row in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    assert len(rows) == 100_000 and json.loads(rows[50_000])["id"] == "50000"
    assert close({**json.loads(rows[50_000]), "id": 0}, {**answer_of(tabular), "id": 0})


def test_requests_in_bulk(place, imaging, imaging_bucket):
    s3, bucket = place.client("s3"), imaging_bucket
    request = json.dumps(example(imaging))
    s3.put_object(Bucket=bucket, Key="bulk/all.jsonl", Body="\n".join([request, "{}", request]).encode())
    arguments = [f"MODEL={imaging.name}", f"INPUT=s3://{bucket}/bulk/all.jsonl", f"OUTPUT=s3://{bucket}/bulk/scored"]
    output = place.make("score", *arguments)
    assert re.search(r"^rows in +3,", output, re.MULTILINE) and re.search(r"^rows refused +1,", output, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["INPUT=", "OUTPUT=s3://b/k"], "INPUT= is not an address in S3 such as s3://bucket/folder/customers.csv"),
        (["INPUT=s3://b/k.txt", "OUTPUT=s3://b/k"], "INPUT=s3://b/k.txt is not a .csv or .jsonl file"),
        (["INPUT=s3://b/k.csv", "OUTPUT=s3://b/k"], 'the function may not use the bucket b: add data_buckets = ["b"]'),
        (["INPUT=s3://{}/no.csv", "OUTPUT=s3://{}/k"], "there is no s3://"),
    ],
)
def test_a_bulk_job_that_cannot_be(place, project, deployed, arguments, told):
    arguments = [argument.replace("{}", deployed["BucketName"]) for argument in arguments]
    output = place.make("score", f"MODEL={project.name}", *arguments, ok=False)
    lines = [line for line in output.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 2 and lines[1].startswith(told), output


def test_a_bulk_job_of_the_wrong_file_says_why(place, tabular, tabular_bucket):
    s3, bucket = place.client("s3"), tabular_bucket
    s3.put_object(Bucket=bucket, Key="bulk/wrong.csv", Body=b"a,b\n1,2\n")
    arguments = [f"MODEL={tabular.name}", f"INPUT=s3://{bucket}/bulk/wrong.csv", f"OUTPUT=s3://{bucket}/bulk/wrong"]
    assert "InvalidInput: header lacks " in place.make("score", *arguments, ok=False)
