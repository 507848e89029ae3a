"""The life of each deployed project in real containers: every event source, then its deletion."""

import json
import re

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scripts.aws.local_aws import KEY
from tests.aws.checkout import eventually
from tests.aws.conftest import close, without
from tests.aws.samples import bodies, dropped, is_tabular
from tests.handlers import answer_to, example


def test_push_makes_a_safe_repository(local_aws_checkout, project, deployed):
    ecr = local_aws_checkout.client("ecr")
    [repository] = ecr.describe_repositories(repositoryNames=[project.name])["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    rules = json.loads(
        ecr.get_lifecycle_policy(repositoryName=project.name)["lifecyclePolicyText"]
    )["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    [statement] = json.loads(ecr.get_repository_policy(repositoryName=project.name)["policyText"])[
        "Statement"
    ]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert sorted(statement["Action"]) == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    assert statement["Condition"]["StringLike"]["aws:sourceArn"][0].endswith(
        f":function:{project.name}"
    )
    [image] = ecr.describe_images(repositoryName=project.name)["imageDetails"]
    assert re.fullmatch(r"\d{8}T\d{6}-\S+", image["imageTags"][0])


def test_the_same_content_is_pushed_once(local_aws_checkout, project, deployed):
    output = local_aws_checkout.make("push", f"MODEL={project.name}")
    assert "has the same content: nothing to push" in output
    [image] = local_aws_checkout.client("ecr").describe_images(repositoryName=project.name)[
        "imageDetails"
    ]
    assert (
        output.splitlines()[-1]
        == f"127.0.0.1:{local_aws_checkout.port}/{project.name}@{image['imageDigest']}"
    )


def test_a_second_deployment_changes_nothing(local_aws_checkout, project, deployed):
    output = local_aws_checkout.make("deploy", f"MODEL={project.name}")
    assert f"the stack {project.name} is up to date" in output and "live is version 1\n" in output
    assert output.startswith(
        f"local AWS at {local_aws_checkout.url}, account 123456789012, region us-east-1\n"
    )


def test_http(local_aws_checkout, project, deployed):
    url = local_aws_checkout.quiet("url", f"MODEL={project.name}")
    for body, kind, request in bodies(project):
        for path in ("/predict", "/"):
            got = requests.post(f"{url}{path}", body, headers={"Content-Type": kind}, timeout=60)
            assert got.status_code == 200 and close(got.json(), answer_to(project, request))
    assert requests.get(f"{url}/health", timeout=60).json()["name"] == project.name
    assert requests.get(f"{url}/schema", timeout=60).json()["input_schema"]


def test_http_is_refused_in_the_contract_s_words(local_aws_checkout, project, deployed):
    """Also where there is no such path or method: the API has no answers of its own."""
    url = local_aws_checkout.quiet("url", f"MODEL={project.name}")
    for status, answer in {
        404: requests.get(f"{url}/nothing/here", timeout=60),
        405: requests.delete(f"{url}/predict", timeout=60),
        400: requests.post(
            f"{url}/predict", "{", headers={"Content-Type": "application/json"}, timeout=60
        ),
        415: requests.post(f"{url}/predict", {"a": "form"}, timeout=60),
    }.items():
        assert answer.status_code == answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
    assert requests.put(f"{url}/health", timeout=60).headers["allow"] == "GET, HEAD, OPTIONS"


def test_an_event_on_the_bus(local_aws_checkout, project, deployed, answer):
    entry = {
        "Source": project.name,
        "DetailType": "predict",
        "Detail": project.event_file.read_text(),
    }
    assert not local_aws_checkout.client("events").put_events(Entries=[entry])["FailedEntryCount"]
    lines = eventually(lambda: local_aws_checkout.log(project.name, trigger="eventbridge"))
    assert close(lines[0]["answers"][0], answer)


def test_a_queue_and_its_dead_letters(local_aws_checkout, project, deployed, answer):
    sqs = local_aws_checkout.client("sqs")
    # The wait between two attempts, so that five of them fit into a test.
    sqs.set_queue_attributes(QueueUrl=deployed["QueueUrl"], Attributes={"VisibilityTimeout": "1"})
    sqs.send_message(QueueUrl=deployed["QueueUrl"], MessageBody=project.event_file.read_text())
    sqs.send_message(QueueUrl=deployed["QueueUrl"], MessageBody="not JSON")
    lines = eventually(
        lambda: [
            line
            for line in local_aws_checkout.log(project.name, trigger="sqs")
            if line.get("answers")
        ]
    )
    assert close(without(lines[0]["answers"][0], "message_id"), answer)
    dead = eventually(
        lambda: sqs.receive_message(QueueUrl=deployed["DeadLettersUrl"]).get("Messages")
    )
    assert [message["Body"] for message in dead] == ["not JSON"]


def test_a_file_in_the_bucket(local_aws_checkout, project, bucket):
    s3 = local_aws_checkout.client("s3")
    name, data, suffix, asked = dropped(project)
    s3.put_object(Bucket=bucket, Key=f"input/{name}", Body=data)
    result = f"results/input/{name}{suffix}"

    def written():
        keys = [
            item["Key"]
            for item in s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents", [])
        ]
        return keys if result in keys else []

    assert eventually(written) == [
        result
    ]  # and no object with refused rows, of which there are none
    answers = [
        json.loads(line)
        for line in s3.get_object(Bucket=bucket, Key=result)["Body"].read().splitlines()
    ]
    assert len(answers) == len(asked) and close(
        without(answers[-1], "id"), answer_to(project, asked[-1])
    )
    assert [answer.get("id") for answer in answers] == (
        [str(at) for at in range(50)] if is_tabular(project) else [None]
    )
    # The result has started no call: when the call for a second file is over, there were two.
    s3.put_object(Bucket=bucket, Key=f"input/second-{name}", Body=data)
    eventually(lambda: len(local_aws_checkout.log(project.name, trigger="s3")) > 1)
    assert len(local_aws_checkout.log(project.name, trigger="s3")) == 2


def test_the_schedule_calls_with_the_example(local_aws_checkout, project, deployed):
    """A scheduled call is a direct one, as is the check of the deployment. There was no other until
    here.
    """
    lines = eventually(
        lambda: (
            local_aws_checkout.log(project.name, trigger="invoke")[1:]
            and local_aws_checkout.log(project.name, trigger="invoke")
        ),
        limit=90,
        every=2,
    )
    assert len(lines) >= 2 and all(
        line["predictions"] == 1 and not line.get("errors") for line in lines
    )


def test_invoke(local_aws_checkout, project, deployed, answer):
    assert close(json.loads(local_aws_checkout.quiet("invoke", f"MODEL={project.name}")), answer)


def test_logs(local_aws_checkout, project, deployed):
    output = eventually(lambda: local_aws_checkout.make("logs", f"MODEL={project.name}"))
    assert '"trigger": "http_api"' in output
    assert "is not a time such as" in local_aws_checkout.make(
        "logs", f"MODEL={project.name}", "SINCE=long", ok=False
    )


def test_what_fails_without_a_caller_is_kept(local_aws_checkout, project, deployed):
    local_aws_checkout.client("lambda").invoke(
        FunctionName=project.name, InvocationType="Event", Payload=b'{"unknown": 1}'
    )
    sqs = local_aws_checkout.client("sqs")
    [message] = eventually(
        lambda: sqs.receive_message(QueueUrl=deployed["OnFailureQueueUrl"]).get("Messages")
    )
    kept = json.loads(message["Body"])
    assert kept["requestPayload"] == {"unknown": 1} and "InvalidInput" in json.dumps(
        kept["responsePayload"]
    )


def test_a_function_url(local_aws_checkout, project, deployed, answer):
    """In the API's place, open to everybody at first and then only to whom IAM lets in."""
    local_aws_checkout.set(project.name, function_url="public", api=False)
    local_aws_checkout.make("deploy", f"MODEL={project.name}")
    url = local_aws_checkout.quiet("url", f"MODEL={project.name}")
    assert "lambda-url" in url and close(
        requests.post(f"{url}/predict", json=example(project), timeout=60).json(), answer
    )
    assert requests.get(f"{url}/nothing", timeout=60).status_code == 404
    asks = {
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "POST",
    }  # as a page in a browser does first
    assert (
        requests.options(f"{url}/predict", headers=asks, timeout=60).headers[
            "access-control-allow-origin"
        ]
        == "*"
    )

    local_aws_checkout.set(project.name, function_url="iam")
    local_aws_checkout.make("deploy", f"MODEL={project.name}")
    assert requests.post(f"{url}/predict", json=example(project), timeout=60).status_code == 403
    signed = AWSRequest(
        "POST",
        f"{url}/predict",
        data=json.dumps(example(project)),
        headers={"Content-Type": "application/json"},
    )
    SigV4Auth(Credentials(KEY, KEY), "lambda", "us-east-1").add_auth(signed)
    got = requests.post(signed.url, signed.data, headers=dict(signed.headers), timeout=60)
    assert got.status_code == 200 and close(got.json(), answer)
    eventually(lambda: local_aws_checkout.log(project.name, trigger="function_url"))

    local_aws_checkout.set(project.name, function_url="off", api=True)
    assert "live is version 1\n" in local_aws_checkout.make("deploy", f"MODEL={project.name}")


def test_updates_a_canary_and_back(local_aws_checkout, project, deployed, answer):
    """Another image, which gets a tenth of the calls, then all; then other settings; and back, and
    back again.
    """
    name = f"MODEL={project.name}"
    handler = local_aws_checkout.checkout.root / project.name / "lambda_function.py"
    handler.write_text(f"{handler.read_text()}\nUPDATED = True\n")
    assert "live is version 1, version 2 gets 10% of the calls" in local_aws_checkout.make(
        "push", "deploy", name, "CANARY=10"
    )
    assert local_aws_checkout.alias(project.name) == ("1", {"2": 0.1})
    assert "live is version 2" in local_aws_checkout.make(
        "promote", name
    ) and local_aws_checkout.alias(project.name) == ("2", {})
    assert close(json.loads(local_aws_checkout.quiet("invoke", name)), answer)

    local_aws_checkout.set(project.name, memory=project.memory + 64)
    assert "live is version 3\n" in local_aws_checkout.make("deploy", name)
    client = local_aws_checkout.client("lambda")
    assert (
        client.get_function_configuration(FunctionName=f"{project.name}:live")["MemorySize"]
        == project.memory + 64
    )
    images = {
        client.get_function(FunctionName=f"{project.name}:{version}")["Code"]["ImageUri"]
        for version in (1, 2, 3)
    }
    assert len(images) == 2
    for version in (2, 1):
        assert f"live is version {version}\n" in local_aws_checkout.make("rollback", name)
        assert close(json.loads(local_aws_checkout.quiet("invoke", name)), answer)
    assert "there is no version before 1 to go back to" in local_aws_checkout.make(
        "rollback", name, ok=False
    )


def test_destroy_leaves_nothing(local_aws_checkout, project, deployed):
    output = local_aws_checkout.make("destroy", f"MODEL={project.name}", "YES=1")
    assert f"nothing of {project.name} is left" in output and "still there" not in output
    local_aws_checkout.assert_nothing_left(project.name)
    local_aws_checkout.deployed.remove(project.name)
