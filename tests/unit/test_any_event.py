"""Any event, however unlikely, gets a response or an error, and the log holds nothing of the
request.
"""

import collections
import contextlib
import copy
import io
import json
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.serving.errors import InvalidInput
from shared.serving.sources import s3_objects
from tests.unit.fake_s3 import FakeS3
from tests.unit.foreign_events import FOREIGN
from tests.unit.http_events import FORMS
from tests.unit.s3_events import NOT_CREATIONS, notification, through_the_bus
from tests.unit.toy import CUSTOMER

JSON = {"Content-Type": "application/json"}
ONE = {"customer": CUSTOMER}
# A red PNG of 2x2, written out: projects of rows have no Pillow, which would make one.
RED = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8JSLHwMDAxMDAwMDAAAAPFgEwyMfCnwAAAABJRU5ErkJggg=="
IMAGE = {"image": RED}

ENVELOPES = [event for _, _, event in FOREIGN] + NOT_CREATIONS
ENVELOPES += [form("POST", "/predict", json.dumps(ONE), JSON) for form in FORMS]
ENVELOPES += [form("GET", "/schema") for form in FORMS]
ENVELOPES += [
    ONE,
    IMAGE,
    {"images": [IMAGE, IMAGE]},
    {"customers": [CUSTOMER, CUSTOMER]},
    {"Items": [ONE, {"customers": [CUSTOMER]}]},
    {"detail-type": "x", "source": "crm", "detail": ONE},
    {"Records": [{"eventSource": "aws:sqs", "messageId": "message-1", "body": json.dumps(ONE)}]},
    {"Records": [notification("ObjectCreated:Put")]},
    through_the_bus("Object Created"),
    {
        "score": {
            "bucket": "bucket",
            "key": "input/a.csv",
            "start": 0,
            "end": 9,
            "output": "s3://bucket/out.jsonl",
        }
    },
]
CALLERS = st.text(min_size=8).map(lambda text: f"caller's {text}")  # to be found in what is printed
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | CALLERS
    | st.sampled_from(["", "\ud800", "2.0", "/", "GET", "HEAD"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(CALLERS | st.sampled_from([*ONE, "name"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value, path=()):
    """The path of every value in a JSON value."""
    yield path
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from places(inner, (*path, key))


@st.composite
def spoiled(draw):
    """An event of an AWS service in which one to three values were replaced, removed, or took on
    another key.
    """
    event = copy.deepcopy(draw(st.sampled_from(ENVELOPES)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(event))))
        if not path:
            continue
        parent = event
        for key in path[:-1]:
            parent = parent[key]
        how = draw(st.sampled_from(["replace", "remove", "add"]))
        if how == "remove":
            del parent[path[-1]]
        elif how == "add" and isinstance(parent, dict):
            parent[
                draw(
                    CALLERS
                    | st.sampled_from(["requestContext", "Records", "Items", "detail", "version"])
                )
            ] = draw(ANYTHING)
        else:
            parent[path[-1]] = draw(ANYTHING)
    return event


def message_ids(event):
    """Return the ids that SQS gave its messages: they are logged, and no caller chooses them."""
    records = event.get("Records") if isinstance(event, dict) else None
    records = records if isinstance(records, list) else []
    return [record.get("messageId") for record in records if isinstance(record, dict)]


def check_any_event(handle, event):
    """An event of any form is answered, or refused by InvalidInput, and nothing of it is
    printed.
    """
    s3 = FakeS3()
    s3.objects = collections.defaultdict(lambda: b'{"plan": "gold", "months": 1}\n')
    answer, reported = None, ""
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        patch.object(s3_objects, "_client", s3),
    ):
        try:
            answer = handle(event)
        except InvalidInput as refusal:
            reported = str(refusal)
    json.dumps(answer, allow_nan=False, ensure_ascii=False).encode()
    if isinstance(answer, dict) and "statusCode" in answer:
        assert answer["statusCode"] < 500 and isinstance(answer["body"], str), answer
    reported += printed.getvalue()
    for path in places(event):
        value = event
        for key in path:
            value = value[key]
        for text in (value, path[-1] if path else None):
            if (
                isinstance(text, str)
                and text.startswith("caller's ")
                and text not in message_ids(event)
            ):
                assert text not in reported and json.dumps(text)[1:-1] not in reported


@settings(max_examples=100, deadline=None)
@given(event=spoiled() | ANYTHING)
def test_any_event_is_answered_or_refused(handler, event):
    check_any_event(handler, event)


@settings(max_examples=40, deadline=None)
@given(event=spoiled() | ANYTHING)
def test_any_event_is_answered_or_refused_by_an_image_model(classify, event):
    check_any_event(classify, event)
