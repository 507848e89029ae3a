"""A project whose image has no model: publish models, give them a canary, roll them back, refuse
those that cannot be served, delete them.
"""

import hashlib
import json
import re
import subprocess

import onnx
import pytest

from scripts.local.docker import DOCKER
from tests.aws.conftest import close
from tests.handlers import answer_to, decision_of, example

pytestmark = pytest.mark.commands

NAME, BUCKET = "reads-models", "models-of-the-tests"
FOLDER = f"models/{NAME}/"


class Published:
    """The project in a checkout with a local AWS, and what is published of it."""

    def __init__(self, local_aws_checkout, project):
        self.checkout, self.project = local_aws_checkout, project
        self.s3 = local_aws_checkout.client("s3")
        self.folder = local_aws_checkout.checkout.root / NAME
        self.file = self.folder / "build/model.onnx"
        self.first = self.make("push", "deploy")  # which exports the model of the copy again
        self.content = self.file.read_bytes()
        self.memory = 300  # MB, which a test changes for another version

    def make(self, *arguments, **options):
        return self.checkout.make(*arguments, f"MODEL={NAME}", **options)

    def invoke(self):
        return json.loads(self.checkout.quiet("invoke", f"MODEL={NAME}"))

    def change(self, edit):
        """Write a changed model file; return its key in the bucket."""
        model = onnx.load_from_string(self.content)
        edit(model)
        onnx.save(model, self.file)
        return f"{FOLDER}{hashlib.sha256(self.file.read_bytes()).hexdigest()}.onnx"

    def set_metadata(self, **metadata):
        """Write a model file with other metadata; return its key in the bucket."""

        def edit(model):
            for entry in model.metadata_props:
                entry.value = metadata.get(entry.key, entry.value)

        return self.change(edit)

    def keys(self):
        found = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {item["Key"] for item in found}

    def model(self):
        """The model of the live version."""
        client = self.checkout.client("lambda")
        found = client.get_function_configuration(FunctionName=f"{NAME}:live")
        return found["Environment"]["Variables"]["MODEL_PATH"]

    def alias(self):
        return self.checkout.alias(NAME)


@pytest.fixture(scope="module")
def published(local_aws_checkout, tabular, reachable):
    """A copy of a project with its model in S3, deployed for the first time."""
    folder = local_aws_checkout.checkout.copy(tabular, NAME, build=True)
    (folder / "build/pushed.json").unlink(missing_ok=True)
    local_aws_checkout.set(NAME, model=f"s3://{BUCKET}/models/")
    published = Published(local_aws_checkout, tabular)
    yield published
    local_aws_checkout.clear(NAME)
    assert BUCKET not in local_aws_checkout.names(BUCKET)


def test_the_first_deployment_publishes_the_model_and_its_image_has_none(published):
    digest = hashlib.sha256(published.content).hexdigest()
    [key] = published.keys()
    assert key == f"{FOLDER}{digest}.onnx"
    assert published.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == published.content
    assert f"made the bucket {BUCKET}" in published.first
    assert f"uploaded s3://{BUCKET}/{key}" in published.first
    status, image = published.checkout.checkout.python("scripts/project.py", NAME, "--image")
    command = [DOCKER, "run", "--rm", "--entrypoint", "find", image.strip(), "/", "-xdev", "-size"]
    listed = subprocess.run([*command, "+0", "-name", "*.onnx"], capture_output=True, text=True)
    assert status == 0 and listed.stdout == ""
    assert close(published.invoke(), answer_to(published.project, example(published.project)))
    [line] = published.checkout.log(NAME, message="the model was read from S3")
    assert line["model_url"] == f"s3://{BUCKET}/{key}"
    assert line["bytes"] == len(published.content) and line["fetch_ms"] > 0
    assert published.alias() == ("1", {})


def test_the_same_model_is_published_once(published):
    output = published.make("publish")
    assert "is there already" in output and f"the stack {NAME} is up to date" in output
    assert "version 1 is live already" in published.make("publish", "CANARY=10", ok=False)
    assert "CANARY=0 is not a percentage" in published.make("publish", "CANARY=0", ok=False)


def test_make_run_serves_the_local_model(published):
    output = published.make("demo")
    assert "The function has responded and is stopped." in output


def test_a_canary_is_promoted_and_rolled_back(published):
    before = published.invoke()
    published.set_metadata(threshold=json.dumps(0.0 if not decision_of(before) else 1.0))
    output = published.make("publish", "CANARY=10")
    assert "building" not in output and "pushing" not in output
    version, shares = published.alias()
    [canary] = shares
    assert shares[canary] == 0.1 and published.invoke() == before
    published.make("promote")
    after = published.invoke()
    assert decision_of(after) != decision_of(before)
    assert f"live is version {version}" in published.make("rollback")
    assert published.invoke() == before
    published.make("promote")
    assert published.alias() == (canary, {}) and published.invoke() == after


def rename(names, old, new):
    """Rename a value in a repeated field of names."""
    for at, name in enumerate(names):
        if name == old:
            names[at] = new


def other_input(model):
    first = model.graph.input[0]
    old, first.name = first.name, "another_feature"
    for node in model.graph.node:
        rename(node.input, old, first.name)


def two_outputs(model):
    [output] = model.graph.output
    model.graph.node.append(onnx.helper.make_node("Identity", [output.name], ["again"]))
    model.graph.output.add().CopyFrom(output)
    model.graph.output[1].name = "again"


def other_output(model):
    for node in model.graph.node:
        rename(node.output, "probabilities", "scores")
    for output in model.graph.output:
        output.name = output.name.replace("probabilities", "scores")


def other_task(model):
    del model.metadata_props[:]
    values = {"name": "photos", "input_schema": "{}", "task": "image-classification"}
    onnx.helper.set_model_props(model, values)


@pytest.mark.parametrize("edit", [other_input, two_outputs, other_task])
def test_a_model_that_the_handler_cannot_serve_is_not_uploaded(published, edit):
    keys, alias, answer = published.keys(), published.alias(), published.invoke()
    published.change(edit)
    output = published.make("publish", ok=False)
    message = [line for line in output.splitlines() if not line.startswith("make")][-1]
    assert re.match(
        rf"the handler of {NAME} cannot serve this model: with it, event\.json ", message
    )
    assert "Traceback" not in output
    assert (published.keys(), published.alias(), published.invoke()) == (keys, alias, answer)


def test_a_handler_and_a_model_that_need_each_other_are_deployed_together(published):
    handler, before = published.folder / "lambda_function.py", published.invoke()
    text = handler.read_text()
    changed = text.replace("run(model, columns)", 'model.run(columns)["scores"]')
    assert changed != text
    handler.write_text(changed)
    try:
        assert "cannot serve this model" in published.make("publish", ok=False)
        published.change(other_output)
        output = published.make("push", "publish")
        assert output.count("live is version") == 1 and "pushing" in output
        assert close(published.invoke(), answer_to(published.project, example(published.project)))
    finally:
        handler.write_text(text)
    published.make("rollback")
    published.make("push")
    assert published.invoke() == before


def test_an_object_is_never_overwritten(published):
    key, alias = published.set_metadata(version="squatted"), published.alias()
    published.s3.put_object(Bucket=BUCKET, Key=key, Body=b"something else")
    output = published.make("publish", ok=False)
    assert f"s3://{BUCKET}/{key} has another content than its name says: delete it" in output
    assert published.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"something else"
    published.s3.delete_object(Bucket=BUCKET, Key=key)
    assert published.alias() == alias


def deny(published, key):
    """A policy of the bucket that keeps the function from its model."""
    role = published.checkout.client("lambda").get_function_configuration(FunctionName=NAME)["Role"]
    statement = {"Effect": "Deny", "Principal": {"AWS": role}, "Action": "s3:GetObject"}
    statement["Resource"] = f"arn:aws:s3:::{BUCKET}/*"
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    published.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def take_away(published, key):
    published.s3.delete_object(Bucket=BUCKET, Key=key)


def replace(published, key):
    published.s3.put_object(Bucket=BUCKET, Key=key, Body=published.content)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (take_away, r"S3 responds with status 40[34] \w+: it is not there, or the role"),
        (replace, "its content has the SHA-256 [0-9a-f]{64}"),
        (deny, "S3 responds with status 403 AccessDenied"),
    ],
)
def test_a_model_that_cannot_be_read_at_start_leaves_the_version_before_live(
    published, spoil, reason
):
    """Only its own start shows that a new version has no model."""
    key = published.set_metadata(version=spoil.__name__)
    published.make("publish")
    alias, answer = published.alias(), published.invoke()
    kept = published.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    spoil(published, key)
    published.memory += 1
    published.checkout.set(NAME, memory=published.memory)
    try:
        output = published.make("deploy", ok=False)
    finally:
        published.s3.delete_bucket_policy(Bucket=BUCKET)
        published.s3.put_object(Bucket=BUCKET, Key=key, Body=kept)
    assert re.search(rf"the model s3://{BUCKET}/{key} .*{reason}", output)
    assert f"live stays version {alias[0]}" in output
    assert (published.alias(), published.invoke()) == (alias, answer)
    published.make("deploy")  # again, now that all is in order
    assert published.alias() != alias


def test_new_code_does_not_bring_back_a_model_that_was_rolled_back(published):
    published.set_metadata(version="bad")
    before = published.model()
    published.make("publish")
    published.make("rollback")
    published.checkout.set(NAME, requests_per_second=7)  # no new version: it could be promoted
    assert "it was rolled back from version" in published.make("deploy")
    published.memory += 1
    published.checkout.set(NAME, memory=published.memory)
    published.make("deploy")
    assert published.model() == before
    live = published.checkout.client("lambda").get_function_configuration(
        FunctionName=f"{NAME}:live"
    )
    assert live["MemorySize"] == published.memory


def test_models_that_no_version_uses_are_deleted_with_the_versions(published):
    for number in range(5):
        published.set_metadata(version=f"number {number}")
        published.make("publish")
    listed = published.checkout.client("lambda").list_versions_by_function(FunctionName=NAME)
    used = {found["Environment"]["Variables"]["MODEL_PATH"] for found in listed["Versions"]}
    assert published.keys() == {url.removeprefix(f"s3://{BUCKET}/") for url in used}
    assert len(used) == 5


def test_destroy_deletes_the_models_of_this_project_alone(published):
    other = "models/another/0.onnx"
    published.s3.put_object(Bucket=BUCKET, Key=other, Body=b"1")
    output = published.make("destroy", ok=False)
    assert f"and the published models in s3://{BUCKET}/{FOLDER}: 5" in output
    output = published.make("destroy", "YES=1")
    assert re.search(r"^  models +deleted$", output, re.MULTILINE)
    assert published.keys() == {other}
    published.s3.delete_object(Bucket=BUCKET, Key=other)
    message = published.make("publish", ok=False)
    assert f"{NAME} is not deployed: run `make push deploy MODEL={NAME}`" in message
    assert f"deleted the bucket {BUCKET}" in published.make("destroy", "YES=1")


def test_a_project_with_its_model_in_the_image(local_aws_checkout, project):
    output = local_aws_checkout.make("publish", f"MODEL={project.name}", ok=False)
    assert f"{project.name} has its model in its image: run `make push deploy" in output
