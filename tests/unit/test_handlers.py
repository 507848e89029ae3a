"""The contract of every project's own handler, with its own names of requests and responses: each
event source, on a toy model.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.serving.errors import InvalidInput
from shared.serving.sources import s3_objects
from tests.handlers import example
from tests.unit.fake_s3 import FakeS3
from tests.unit.http_events import FORMS, encoded, http_api, opened
from tests.unit.json_values import json_values

JSON = {"Content-Type": "application/json"}


def record(number, body):
    """Return an SQS record with a body."""
    return {"messageId": f"message-{number}", "eventSource": "aws:sqs", "body": body}


def assert_all(own, answer):
    """Asserts that an answer is that to all items, in their order, and JSON."""
    assert (
        list(answer) == ["predictions"]
        and json.loads(json.dumps(answer, allow_nan=False)) == answer
    )
    for one, item in zip(answer["predictions"], own.items, strict=True):
        own.check(one, item)


def test_one_and_many(own):
    for item in own.items:
        own.check(own.call(own.request(item)), item)
    assert_all(own, own.call(own.many))


@pytest.mark.parametrize("form", FORMS)
def test_http(own, form):
    for body in (
        form("POST", "/predict", json.dumps(own.many), JSON),
        encoded(form("POST", "/", json.dumps(own.many), JSON)),
    ):
        status, headers, answer = opened(own.call(body))
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert_all(own, answer)


@pytest.mark.parametrize("form", FORMS)
def test_health_and_schema(own, form):
    assert opened(own.call(form("GET", "/health")))[::2] == (200, {"name": "toy", "version": "v1"})
    status, _, schema = opened(own.call(form("GET", "/schema")))
    assert (status, schema["input_schema"]) == (200, own.schema) and schema["labels"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/predict", "{", 400),
        ("POST", "/predict", "{}", 400),
        ("POST", "/predict", "[1]", 400),
        ("GET", "/nothing", None, 404),
        ("GET", "/predict", None, 405),
    ],
)
def test_http_refusals(own, method, path, body, status):
    got, headers, problem = opened(own.call(http_api(method, path, body, JSON)))
    assert (got, headers["Content-Type"], problem["status"]) == (
        status,
        "application/problem+json",
        status,
    )
    assert problem["detail"]


def test_direct_and_http_refusals_say_the_same(own):
    with pytest.raises(InvalidInput) as refusal:
        own.call(own.wrong)
    problem = opened(own.call(http_api("POST", "/predict", json.dumps(own.wrong), JSON)))[2]
    assert problem["detail"] == str(refusal.value)
    assert problem["errors"][0]["pointer"].startswith(f"#/{next(iter(own.wrong))}")


def test_events(own, lines):
    request = own.request(own.items[0])
    own.check(own.call({"detail-type": "x", "source": "y", "detail": request}), own.items[0])
    bodies = [json.dumps(request), "not JSON", json.dumps(own.wrong), json.dumps(own.many)]
    answer = own.call({"Records": [record(number, body) for number, body in enumerate(bodies)]})
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in (1, 2)]
    }
    first, refused, many = own.call({"Items": [request, own.wrong, own.many]})
    own.check(first, own.items[0])
    assert 400 <= refused["status"] < 500 and refused["detail"]
    assert_all(own, many)
    assert [
        (line["trigger"], line["predictions"], line["refused"], line["errors"]) for line in lines()
    ] == [
        ("eventbridge", 1, 0, 0),
        ("sqs", 1 + len(own.items), 2, 0),
        ("step_functions", 1 + len(own.items), 1, 0),
    ]


def test_a_file_in_the_bucket(own, monkeypatch):
    monkeypatch.setattr(s3_objects, "_client", s3 := FakeS3())
    s3.objects["bucket/input/all.jsonl"] = "\n".join([*map(json.dumps, own.items), "[1]"]).encode()
    event = {
        "Records": [
            {
                "eventSource": "aws:s3",
                "s3": {"bucket": {"name": "bucket"}, "object": {"key": "input/all.jsonl"}},
            }
        ]
    }
    [counts] = own.call(event)["results"]
    assert (counts["rows"], counts["scored"], counts["refused"]) == (
        len(own.items) + 1,
        len(own.items),
        1,
    )
    *answers, refused = map(
        json.loads, s3.objects["bucket/results/input/all.jsonl.jsonl"].splitlines()
    )
    for answer, item in zip(answers, own.items, strict=True):
        own.check(answer, item)
    assert list(refused) == ["error"]


def test_a_fault_of_ours_tells_a_request_id_alone(own, monkeypatch, lines):
    monkeypatch.setattr(own.module.model, "run", lambda inputs: 1 / 0)
    status, _, problem = opened(own.call(http_api("POST", "/predict", json.dumps(own.many), JSON)))
    assert (
        status == 500
        and problem["request_id"] == "request-1"
        and "division" not in json.dumps(problem)
    )
    assert lines()[0]["tracebacks"][0]["error"] == "ZeroDivisionError"
    with pytest.raises(ZeroDivisionError):
        own.call(own.many)


@pytest.mark.parametrize("what", ["wrong", "strange"])
def test_what_a_caller_sends_is_not_logged(own, capsys, what):
    request = getattr(own, what)
    for event in (
        request,
        {"detail-type": "x", "detail": request},
        {"Records": [record(0, json.dumps(request))]},
    ):
        try:
            own.call(event)
        except InvalidInput as error:
            assert "jane doe" not in str(error)
    assert own.call(http_api("POST", "/predict", json.dumps(request), JSON))["statusCode"] < 500
    printed = capsys.readouterr().out
    assert printed.count('"trigger"') == 4 and "jane doe" not in printed


ANYTHING = json_values(10**400, "\ud800", "", 1e39)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_hostile_events_are_answered_or_refused(own, data):
    keys = [next(iter(own.request(own.items[0]))), next(iter(own.many)), "Items", "Records"]
    event = data.draw(
        st.dictionaries(
            st.sampled_from(keys), ANYTHING | st.lists(ANYTHING, max_size=3), max_size=2
        )
        | ANYTHING
    )
    try:
        json.dumps(own.call(event), allow_nan=False)
    except InvalidInput as refusal:
        assert str(refusal)
    status, _, body = opened(own.call(http_api("POST", "/predict", json.dumps(event), JSON)))
    assert status == 200 or (400 <= status < 500 and body["detail"])


def test_the_example_has_the_keys_of_a_request(own, project):
    """tests/projects tests its values on the model that was trained."""
    keys = {*own.request(own.items[0]), *own.many} | ({"url"} if "url" in own.strange else set())
    assert len(example(project)) == 1 and example(project).keys() <= keys
