"""What a user does with a deployed project, through real containers: each project, each way to call it, until it is gone."""

import json
import re
import time

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scripts.local_aws import KEY
from tests.aws.conftest import close, without
from tests.aws.place import eventually
from tests.aws.samples import bodies, dropped, is_tabular
from tests.handlers import answer_to, example


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


def test_http(place, project, deployed):
    url = place.quiet("url", f"MODEL={project.name}")
    for body, kind, request in bodies(project):
        for path in ("/predict", "/"):
            got = requests.post(f"{url}{path}", body, headers={"Content-Type": kind}, timeout=60)
            assert got.status_code == 200 and close(got.json(), answer_to(project, request))
    assert requests.get(f"{url}/health", timeout=60).json()["name"] == project.name
    assert requests.get(f"{url}/schema", timeout=60).json()["input_schema"]


def test_http_is_refused_in_the_contract_s_words(place, project, deployed):
    """Also where there is no such path or method: the API has no answers of its own."""
    url = place.quiet("url", f"MODEL={project.name}")
    for status, answer in {
        404: requests.get(f"{url}/nothing/here", timeout=60),
        405: requests.delete(f"{url}/predict", timeout=60),
        400: requests.post(f"{url}/predict", "{", headers={"Content-Type": "application/json"}, timeout=60),
        415: requests.post(f"{url}/predict", {"a": "form"}, timeout=60),
    }.items():
        assert answer.status_code == answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
    assert requests.put(f"{url}/health", timeout=60).headers["allow"] == "GET, HEAD, OPTIONS"


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
    assert close(without(lines[0]["answers"][0], "message_id"), answer)
    dead = eventually(lambda: sqs.receive_message(QueueUrl=deployed["DeadLettersUrl"]).get("Messages"))
    assert [message["Body"] for message in dead] == ["not JSON"]


def test_a_file_in_the_bucket(place, project, bucket):
    s3 = place.client("s3")
    name, data, suffix, asked = dropped(project)
    s3.put_object(Bucket=bucket, Key=f"input/{name}", Body=data)
    result = f"results/input/{name}{suffix}"

    def written():
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents", [])]
        return keys if result in keys else []

    assert eventually(written) == [result]  # and no object with refused rows, of which there are none
    answers = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=result)["Body"].read().splitlines()]
    assert len(answers) == len(asked) and close(without(answers[-1], "id"), answer_to(project, asked[-1]))
    assert [answer.get("id") for answer in answers] == ([str(at) for at in range(50)] if is_tabular(project) else [None])
    eventually(lambda: place.log(project.name, trigger="s3"))
    time.sleep(1)  # the result has not started anything
    assert len(place.log(project.name, trigger="s3")) == 1


def test_the_schedule_calls_with_the_example(place, project, deployed):
    """A scheduled call is a direct one, as is the check of the deployment. There was no other until here."""
    lines = eventually(
        lambda: place.log(project.name, trigger="invoke")[1:] and place.log(project.name, trigger="invoke"), limit=90, every=2
    )
    assert len(lines) >= 2 and all(line["predictions"] == 1 and not line.get("errors") for line in lines)


def test_invoke(place, project, deployed, answer):
    assert close(json.loads(place.quiet("invoke", f"MODEL={project.name}")), answer)


def test_logs(place, project, deployed):
    output = eventually(lambda: place.make("logs", f"MODEL={project.name}"))
    assert '"trigger": "http_api"' in output
    assert "is not a time such as" in place.make("logs", f"MODEL={project.name}", "SINCE=long", ok=False)


def test_what_fails_without_a_caller_is_kept(place, project, deployed):
    place.client("lambda").invoke(FunctionName=project.name, InvocationType="Event", Payload=b'{"unknown": 1}')
    sqs = place.client("sqs")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=deployed["FailuresUrl"]).get("Messages"))
    kept = json.loads(message["Body"])
    assert kept["requestPayload"] == {"unknown": 1} and "InvalidInput" in json.dumps(kept["responsePayload"])


def test_a_function_url(place, project, deployed, answer):
    """In the API's place, open to everybody at first and then only to whom IAM lets in."""
    place.set(project.name, function_url="public", api=False)
    place.make("deploy", f"MODEL={project.name}")
    url = place.quiet("url", f"MODEL={project.name}")
    assert "lambda-url" in url and close(requests.post(f"{url}/predict", json=example(project), timeout=60).json(), answer)
    assert requests.get(f"{url}/nothing", timeout=60).status_code == 404
    asks = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}  # as a page in a browser does first
    assert requests.options(f"{url}/predict", headers=asks, timeout=60).headers["access-control-allow-origin"] == "*"

    place.set(project.name, function_url="iam")
    place.make("deploy", f"MODEL={project.name}")
    assert requests.post(f"{url}/predict", json=example(project), timeout=60).status_code == 403
    signed = AWSRequest("POST", f"{url}/predict", data=json.dumps(example(project)), headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(KEY, KEY), "lambda", "us-east-1").add_auth(signed)
    got = requests.post(signed.url, signed.data, headers=dict(signed.headers), timeout=60)
    assert got.status_code == 200 and close(got.json(), answer)
    eventually(lambda: place.log(project.name, trigger="function_url"))

    place.set(project.name, function_url="off", api=True)
    assert "live is version 1\n" in place.make("deploy", f"MODEL={project.name}")


def test_updates_a_canary_and_back(place, project, deployed, answer):
    """Another image, which gets a tenth of the calls, then all; then other settings; and back, and back again."""
    name = f"MODEL={project.name}"
    handler = place.checkout.root / project.name / "lambda_function.py"
    handler.write_text(f"{handler.read_text()}\nUPDATED = True\n")
    assert "live is version 1, version 2 gets 10% of the calls" in place.make("push", "deploy", name, "CANARY=10")
    assert place.alias(project.name) == ("1", {"2": 0.1})
    assert "live is version 2" in place.make("promote", name) and place.alias(project.name) == ("2", {})
    assert close(json.loads(place.quiet("invoke", name)), answer)

    place.set(project.name, memory=project.memory + 64)
    assert "live is version 3\n" in place.make("deploy", name)
    client = place.client("lambda")
    assert client.get_function_configuration(FunctionName=f"{project.name}:live")["MemorySize"] == project.memory + 64
    images = {client.get_function(FunctionName=f"{project.name}:{version}")["Code"]["ImageUri"] for version in (1, 2, 3)}
    assert len(images) == 2
    for version in (2, 1):
        assert f"live is version {version}\n" in place.make("rollback", name)
        assert close(json.loads(place.quiet("invoke", name)), answer)
    assert "there is no version before 1 to go back to" in place.make("rollback", name, ok=False)


def test_destroy_leaves_nothing(place, project, deployed):
    output = place.make("destroy", f"MODEL={project.name}", "YES=1")
    assert f"nothing of {project.name} is left" in output and "still there" not in output
    place.assert_nothing_left(project.name)
    place.deployed.remove(project.name)
