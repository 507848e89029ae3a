"""Events by their source: other services are refused by name, deletions in S3 are not scored, keys
are not logged.
"""

import json

import pytest

from shared.serving.errors import InvalidInput
from tests.unit.foreign_events import FOREIGN
from tests.unit.foreign_requests import BODY, NOTE
from tests.unit.http_events import FORMS, opened
from tests.unit.s3_events import NOT_CREATIONS, notification, through_the_bus
from tests.unit.toy import CUSTOMER

JSON = {"Content-Type": "application/json"}
ONE = {"customer": CUSTOMER}


@pytest.mark.parametrize(("name", "title", "event"), FOREIGN, ids=[name for name, _, _ in FOREIGN])
def test_an_event_of_another_service_is_refused_by_its_name(handler, capsys, name, title, event):
    with pytest.raises(InvalidInput, match=title) as refusal:
        handler(event)
    output = capsys.readouterr().out
    line = json.loads(output)
    assert (line["trigger"], line["refused"], line["errors"]) == (name, 1, 0)
    assert NOTE not in output and NOTE not in str(refusal.value)


def test_an_image_model_names_the_service_too(classify):
    for name, title, event in FOREIGN:
        with pytest.raises(InvalidInput, match=title):
            classify(event)
        assert name


def test_a_batch_of_several_services_is_refused_by_the_one_that_does_not_belong(handler, lines):
    [sns] = next(event["Records"] for name, _, event in FOREIGN if name == "sns")
    sqs = {"eventSource": "aws:sqs", "messageId": "message-1", "body": BODY}
    with pytest.raises(InvalidInput, match="Amazon SNS"):
        handler({"Records": [sqs, sns]})
    assert [line["trigger"] for line in lines()] == ["sns"]


@pytest.mark.parametrize("changed", [{"messageId": None}, {"messageId": 5}])
def test_a_record_that_could_not_be_given_back_is_refused(handler, changed):
    with pytest.raises(InvalidInput, match=r"Records\[0\].messageId must be text"):
        handler(
            {
                "Records": [
                    {"eventSource": "aws:sqs", "messageId": "message-1", "body": BODY} | changed
                ]
            }
        )


@pytest.mark.parametrize("body", [None, 5, {}, [BODY]])
def test_a_record_without_a_text_is_given_back(handler, body):
    record = {"eventSource": "aws:sqs", "messageId": "message-1", "body": body}
    assert handler({"Records": [record]}) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }


@pytest.mark.parametrize("event", NOT_CREATIONS)
def test_what_is_not_a_new_object_is_acknowledged_and_counted(handler, s3, lines, event):
    s3.objects["bucket/input/a.jsonl"] = b'{"plan": "gold", "months": 1}\n'
    assert handler(event) == {"results": []}
    [line] = lines()
    assert (line["trigger"], line["ignored"], line["refused"], line["errors"]) == ("s3", 1, 0, 0)
    assert list(s3.objects) == ["bucket/input/a.jsonl"]


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"]
)
def test_new_objects_are_scored_beside_deleted_ones(handler, s3, lines, name):
    s3.objects["bucket/input/a.jsonl"] = b'{"plan": "gold", "months": 1}\n'
    answer = handler(
        {"Records": [notification("ObjectRemoved:Delete", "gone.csv"), notification(name)]}
    )
    assert [result["scored"] for result in answer["results"]] == [1]
    assert [line["ignored"] for line in lines()] == [1]


@pytest.mark.parametrize(
    "entity",
    [None, {}, {"bucket": "b", "object": "k"}, {"bucket": {"name": "b"}, "object": {"key": 5}}],
)
def test_an_object_without_a_name_is_refused(handler, s3, entity):
    with pytest.raises(InvalidInput, match="must name a bucket and an object"):
        handler({"Records": [{"eventSource": "aws:s3", "s3": entity}]})
    with pytest.raises(InvalidInput, match="must name a bucket and an object"):
        handler(through_the_bus("Object Created") | {"detail": entity})


SECRET = "4111-1111-1111-1111"
LEAKS = {
    "unknown key": {**ONE, SECRET: 1},
    "many unknown keys": {f"{SECRET} {number}": 1 for number in range(100)},
    "unknown feature": {"customer": {**CUSTOMER, SECRET: SECRET}},
    "key of an object for a number": {"customer": {**CUSTOMER, "months": {SECRET: SECRET}}},
    "key of an object for a text": {"customer": {**CUSTOMER, "plan": {SECRET: SECRET}}},
    "images": {"image": "", SECRET: 1},
    "keys of an image": {"images": [{SECRET: SECRET}]},
}


@pytest.mark.parametrize("request_", LEAKS.values(), ids=LEAKS)
def test_no_key_of_the_caller_is_logged(handler, capsys, request_):
    check_the_log(handler, capsys, request_)


@pytest.mark.parametrize("request_", LEAKS.values(), ids=LEAKS)
def test_no_key_of_the_caller_is_logged_with_images(classify, capsys, request_):
    check_the_log(classify, capsys, request_)


def check_the_log(handle, capsys, request_):
    """Lambda logs the message of an exception, and what is printed."""
    text = json.dumps(request_)
    for event in (
        request_,
        {"detail-type": SECRET, "source": SECRET, "detail": request_},
        {"Records": [{"eventSource": "aws:sqs", "messageId": "message-1", "body": text}]},
        {"Items": [request_, {}]},
        *(form("POST", "/predict", text, JSON) for form in FORMS),
    ):
        try:
            handle(event)
        except InvalidInput as refusal:
            assert SECRET not in str(refusal)
        assert SECRET not in capsys.readouterr().out


def test_the_callers_own_answer_names_its_keys(handler):
    text = json.dumps({**ONE, "card 4111": 1, "b": 2})
    messages = "{} is not known: send customer or customers"
    for form in FORMS:
        problem = opened(handler(form("POST", "/predict", text, JSON)))[2]
        assert problem["detail"] == "; ".join([messages.format("card 4111"), messages.format("b")])
        assert [error["pointer"] for error in problem["errors"]] == ["#/card 4111", "#/b"]
    with pytest.raises(
        InvalidInput, match=r"^a key is not known: send customer or customers; and 1 more$"
    ):
        handler(json.loads(text))
    [answer] = handler({"Items": [json.loads(text)]})
    assert answer["detail"] == problem["detail"]
