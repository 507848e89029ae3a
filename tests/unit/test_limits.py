"""Limits of size: hostile requests do not use up the memory of a small function, and no response is
larger than its caller accepts.
"""

import csv
import json
import random
import re
import string
import subprocess
import sys
import time

import pytest
import simplejson

from scripts.project import ROOT
from shared.serving import errors, tabular
from shared.serving.errors import InvalidInput
from shared.serving.images import download, limits, urls
from shared.serving.sources import (
    byte_ranges,
    http_events,
    json_text,
    parts,
    results,
    step_functions,
)
from shared.serving.sources.json_text import DEEPEST, parse
from tests.unit.http_events import FORMS, http_api, opened
from tests.unit.toy import CUSTOMER

JSON = {"Content-Type": "application/json"}
LARGEST = 6_291_556  # bytes that a function may return
SIZE = 5_700_000
HOSTILE = {
    "lists 60 deep": "[" + ",".join(["[" * 60 + "]" * 60] * (SIZE // 121)) + "]",
    "lists 900 deep": "[" + ",".join(["[" * 900 + "]" * 900] * (SIZE // 1801)) + "]",
    "lists 20 deep": "[" + ",".join(["[" * 20 + "]" * 20] * (SIZE // 41)) + "]",
    "objects 60 deep": "[" + ",".join(['{"":' * 60 + "0" + "}" * 60] * (SIZE // 302)) + "]",
    "empty lists": "[" + ",".join(["[]"] * (SIZE // 3)) + "]",
    "small objects": "[" + ",".join(['{"":0}'] * (SIZE // 7)) + "]",
    "opening brackets": "[" * SIZE,
    "closing brackets": "]" * SIZE,
    "brackets in texts": "[" + ",".join(['"]]"'] * (SIZE // 5)) + "]",
    "quotes": '"' * SIZE,
    "backslashes": '"' + "\\" * (SIZE + 1) + '"',
}
PROGRAM = """
import resource, sys
from shared.serving.errors import InvalidInput
from shared.serving.sources.json_text import parse
text = sys.stdin.read()
used = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000,) * 2)
try:
    parse(text)
except InvalidInput as refusal:
    print(refusal)
"""


@pytest.mark.linux
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_brackets_take_little_memory(text):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=text, capture_output=True, text=True
    )
    assert ran.returncode == 0 and ran.stdout.startswith("the request "), ran.stderr


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_by_every_source_of_text(handler, name):
    start = time.process_time()
    status, _, problem = opened(handler(http_api("POST", "/predict", HOSTILE[name], JSON)))
    assert status in (400, 413) and problem["detail"]
    record = {"eventSource": "aws:sqs", "messageId": "message-1", "body": HOSTILE[name]}
    assert handler({"Records": [record]}) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }
    assert time.process_time() - start < 4


def test_ten_thousand_rows_pass(handler):
    body = json.dumps({"customers": [{**CUSTOMER, "plan": "no [brackets] {here}"}] * 10_000})
    status, _, answer = opened(handler(http_api("POST", "/predict", body, JSON)))
    assert status == 200 and len(answer["predictions"]) == 10_000


def nested(levels, rng):
    """JSON of so many levels, with texts that look like more or fewer."""
    confusing = ["]", "[", "}{", '"', '\\"', "\\", "]\\", "[[[[", "]]]]", "é", "\ud800", ""]
    value = rng.choice(confusing)
    for level in range(levels):
        beside = [rng.choice(confusing), rng.choice([[], {}, 5]) if level else 5]
        value = (
            {rng.choice(confusing): beside[0], "in": value}
            if rng.random() < 0.5
            else [*beside, value]
        )
    return value


def test_depth_is_counted_without_what_stands_in_texts():
    for seed in range(200):
        rng = random.Random(seed)
        filler = {"filler": [["[", {"}": "]"}]] * rng.choice([0, 100])}
        shallow, deep = (
            json.dumps([nested(n, rng), filler], ensure_ascii=seed % 2 == 0)
            for n in (DEEPEST - 1, DEEPEST)
        )
        assert parse(shallow) == json.loads(shallow)
        with pytest.raises(InvalidInput, match="nested more than 32 levels deep"):
            parse(deep)


@pytest.mark.parametrize("text", ["[" * 40, "]" * 99, '{"a": [' + "{}," * 40 + "}"])
def test_what_is_not_balanced_is_called_invalid(text):
    with pytest.raises(InvalidInput, match="is not valid JSON"):
        parse(text)


@pytest.mark.parametrize("text", ["[" * 40 + "]" * 40, '[{"a":' * 200 + "0" + "}]" * 200])
def test_deep_bodies_are_told_why(handler, text):
    for form in FORMS:
        status, _, problem = opened(handler(form("POST", "/predict", text, JSON)))
        assert (status, problem["detail"]) == (
            400,
            "the request is nested more than 32 levels deep",
        )


def payload_size(answer):
    """The bytes that Lambda's runtime client makes of an answer where it escapes most."""
    return len(simplejson.dumps(answer))


def test_an_answer_is_measured_as_lambda_writes_it(handler):
    """110,000 keys that the model does not know, with a quote each, are escaped twice."""
    body = json.dumps(
        {"customers": [{**CUSTOMER, **{f'"{at}': 0 for at in range(11)}} for _ in range(10_000)]}
    )
    assert len(body) < LARGEST
    answer = handler(http_api("POST", "/predict", body, JSON))
    assert opened(answer)[0] == 413 and payload_size(answer) < 2000


@pytest.mark.parametrize("form", FORMS)
def test_the_largest_answer_is_the_largest_that_its_caller_takes(
    module, handler, monkeypatch, form
):
    most = 1_000_000 if form("GET", "/")["requestContext"].get("elb") else LARGEST

    def answer(quotes):
        monkeypatch.setattr(module.service, "predict", lambda request: {"text": '"' * quotes})
        return handler(form("POST", "/predict", "{}", JSON))

    quotes = (most - payload_size(answer(0))) // 4  # each is written as \", and that again as \\\"
    assert most - 4 < payload_size(answer(quotes)) <= most and answer(quotes)["statusCode"] == 200
    status, _, problem = opened(answer(quotes + 1))
    assert (status, problem["detail"]) == (
        413,
        f"the request has a response larger than {most:,} bytes: send fewer rows",
    )


def test_the_largest_direct_answer(module, handler, monkeypatch):
    monkeypatch.setattr(module.service, "predict", lambda request: {"text": "x" * request})
    least = payload_size({"text": ""})
    assert payload_size(handler(LARGEST - least)) == LARGEST
    for event in (LARGEST - least + 1, {"detail-type": "x", "source": "y", "detail": LARGEST}):
        with pytest.raises(
            InvalidInput,
            match=r"^the request has a response larger than 6,291,556 bytes: send fewer rows$",
        ):
            handler(event)


def test_items_of_a_state_machine_are_bounded(handler):
    with pytest.raises(InvalidInput, match=r"^Items has 10,001 items, more than 10,000$"):
        handler({"Items": [0] * 10_001})
    with pytest.raises(InvalidInput, match=r"larger than 250,000 bytes"):
        handler({"Items": [{"customers": [{}] * 20}] * 300})
    assert len(handler({"Items": [{"customer": CUSTOMER}] * 100})) == 100


def test_warnings_of_a_row_are_bounded(handler):
    keys = {"".join(pair): 0 for pair in zip(string.ascii_letters, string.ascii_letters)}
    answer = handler({"customer": {**CUSTOMER, **keys}})
    assert (
        len(answer["warnings"]) == 21
        and answer["warnings"][-1] == "only the first 20 warnings are given"
    )


def test_problems_are_counted_beyond_those_that_are_kept(handler):
    rows = [{"months": 1}] * 500 + [{"plan": 3}] * 500
    with pytest.raises(
        InvalidInput,
        match=r"^customers\[0\].plan is missing; .*customers\[19\].plan is missing; and 1480 more$",
    ):
        handler({"customers": rows})


def test_the_contract_names_the_limits():
    page = (ROOT / "docs/contract.md").read_text()
    table = page[page.index("## Limits") :].partition("\n\nA response is measured")[0]
    for limit in (
        *(
            http_events.MOST_BYTES,
            json_text.MOST_RESPONSE_BYTES,
            http_events.MOST_ALB_BYTES,
            json_text.MOST_BRACKETS,
            json_text.DEEPEST,
        ),
        *(
            tabular.MOST_ROWS,
            step_functions.MOST_ITEMS,
            step_functions.MOST_STATE_BYTES,
            errors.MOST_NAMED,
        ),
        *(limits.MOST_SIDE, limits.MOST_PARTS, limits.MOST_PIXEL_CHUNKS, limits.MOST_SCANS),
        *(
            limits.BASE_MB,
            urls.MOST_CHARACTERS,
            urls.MOST_IN_HOST,
            download.MOST_REDIRECTS,
            urls.LOW_PORTS[-1],
        ),
        *(parts.MOST_BYTES, byte_ranges.LONGEST_LINE, csv.field_size_limit()),
    ):
        assert re.search(rf"(?<![\d,]){limit:,}(?![\d,]\d)", table), limit
    for limit in (limits.MOST_BYTES // 10**6, results.MOST_BYTES // 2**20):
        assert f" {limit} MB" in table, limit
    assert (
        f"{limits.MOST_PIXELS // 10**6} million pixels" in table
        and f"{download.TOTAL_SECONDS:g} s in all" in table
    )
