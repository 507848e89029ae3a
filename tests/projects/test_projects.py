"""Each project's trained model and its own handler agree: metadata, schema, example, bulk."""

import json

import pytest

from scripts.project import ONNX_APIS
from shared.serving.errors import InvalidInput
from shared.serving.onnx.model import OnnxModel
from shared.serving.sources import s3_objects
from tests.handlers import CONTEXT, answer_to, example, load_handler
from tests.plugin import KINDS, kind_of
from tests.unit.fake_s3 import FakeS3
from tests.unit.http_events import http_api, opened


@pytest.fixture(scope="module", params=ONNX_APIS)
def module(project, request):
    """The project's handler on its own model."""
    return load_handler(project.folder / "lambda_function.py", project.model_file, request.param)


@pytest.fixture
def call(module):
    """The handler as a function of an event."""
    return lambda event: module.lambda_handler(event, CONTEXT)


def test_metadata_is_complete(project):
    metadata = project.metadata()
    keys = {
        "name",
        "version",
        "task",
        "input_schema",
        "preprocessing",
        "metrics",
        "trained_with",
        "data_sha256",
    }
    assert keys <= metadata.keys()
    assert (
        metadata["name"] == project.name
        and metadata["version"]
        and len(metadata["data_sha256"]) == 64
    )
    # An int8 model is not meant to be equal: it has its own metrics, and no parity.
    assert (
        metadata["metrics"]
        and metadata["metrics"].get("parity", 0 if project.quantized else 1) <= 1e-5
    )
    if metadata["task"].endswith("-classification"):
        assert len(set(metadata["labels"])) == len(metadata["labels"]) >= 2
    else:
        assert "labels" not in metadata and "threshold" not in metadata


def test_the_handler_is_made_for_the_task(project):
    _, module = KINDS[kind_of(project.name)]
    assert module in (project.folder / "lambda_function.py").read_text()


def test_the_schema_is_the_model_s_inputs(project):
    model = OnnxModel(project.model_file)
    properties = set(model.metadata["input_schema"]["properties"])
    assert properties == (
        set(model._inputs) if kind_of(project.name) == "tabular" else {"url", "image"}
    )


def rows_or_requests(project):
    """Return the parts of the example that the schema describes: its rows, or all of it."""
    request = example(project)
    if kind_of(project.name) != "tabular":
        return request.get("images", [request])
    one, many = project.request_keys()
    return request.get(many) or [request[one]]


def test_the_example_is_valid_and_within_what_training_saw(project, module, call):
    schema = module.service.metadata["input_schema"]
    for item in rows_or_requests(project):
        assert set(schema.get("required", [])) <= item.keys() <= schema["properties"].keys()
    assert "warnings" not in json.dumps(call(example(project)))


def test_the_example_has_one_answer_whoever_asks(project, call):
    answer = call(example(project))
    assert (
        json.loads(json.dumps(answer, allow_nan=False))
        == answer
        == answer_to(project, example(project))
    )
    body = json.dumps(example(project))
    assert opened(call(http_api("POST", "/predict", body, {"Content-Type": "application/json"})))[
        ::2
    ] == (200, answer)
    assert call({"detail-type": "x", "source": "y", "detail": example(project)}) == answer
    assert call({"Items": [example(project)] * 2}) == [answer] * 2
    record = {"messageId": "1", "eventSource": "aws:sqs", "body": body}
    assert call({"Records": [record]}) == {"batchItemFailures": []}


def test_health_and_schema(project, module, call):
    metadata = project.metadata()
    assert opened(call(http_api("GET", "/health")))[2] == {
        "name": project.name,
        "version": metadata["version"],
    }
    schema = opened(call(http_api("GET", "/schema")))[2]
    assert schema["input_schema"] == module.service.metadata["input_schema"]
    assert schema.get("labels") == metadata.get("labels")


def test_the_example_in_bulk(project, call, monkeypatch):
    monkeypatch.setattr(s3_objects, "_client", s3 := FakeS3())
    items = rows_or_requests(project)
    s3.objects["bucket/input/all.jsonl"] = "\n".join(map(json.dumps, items * 20)).encode()
    event = {
        "Records": [
            {
                "eventSource": "aws:s3",
                "s3": {"bucket": {"name": "bucket"}, "object": {"key": "input/all.jsonl"}},
            }
        ]
    }
    [counts] = call(event)["results"]
    assert (counts["scored"], counts["refused"]) == (20 * len(items), 0)
    answer = call(example(project))
    expected = answer.get("predictions", [answer])
    assert [
        json.loads(line) for line in s3.objects["bucket/results/input/all.jsonl.jsonl"].splitlines()
    ] == expected * 20


@pytest.mark.parametrize(
    "event",
    [None, [], {}, "x", 3, {"unknown": 1}, {"Records": [None]}, {"Items": 1}, {"score": {}}],
)
def test_hostile_events_are_refused(call, event):
    with pytest.raises(InvalidInput):
        call(event)


def test_export_before_training_says_so(checkout, project):
    (checkout.root / project.name / "build/metadata.json").unlink()
    status, output = checkout.python(f"{project.name}/export_onnx.py")
    assert (
        status == 1
        and output.endswith("holds no trained model: run `make train` first\n")
        and output.count("\n") == 1
    )
