"""The results of a file in S3: its columns, its refused rows, and the report of a bulk job."""

import json

import pytest

from scripts.aws.bulk_files import clear, location, parts_of
from scripts.aws.bulk_report import collect
from shared.errors import UserError
from shared.serving.app import Service
from shared.serving.errors import InvalidInput, unknown_keys
from shared.serving.sources import bulk, s3_objects
from shared.serving.sources.text_lines import Line
from shared.serving.tabular import Features
from tests.unit.bulk_parts import GOOD, HEADER, Predict, scored, service_of
from tests.unit.fake_s3 import etag
from tests.unit.toy import METADATA


def test_a_refused_row_names_five_fields_and_counts_the_others():
    rules = {"type": "integer", "minimum": 0, "maximum": 9, "x-seen": [0, 9]}
    wide = Features(
        {
            "properties": {f"f{at}": rules for at in range(9)},
            "required": [f"f{at}" for at in range(9)],
        },
        row_key="row",
        batch_key="rows",
    )
    service = Service(wide.columns_of, METADATA, batch_key="rows")  # type: ignore[arg-type]

    rows: list[Line] = [({"f1": "x", "f8": 99}, {}), ({}, {}), ({"f0": 1, "f1": 0.5}, {"id": 7})]
    assert bulk.score(rows, service, frozenset()) == [
        (json.dumps({**others, "error": problem}), problem)
        for others, problem in (
            (
                {},
                "f0 is missing; f1 must be a number, not text; f2 is missing; f3 is missing; f4 "
                "is missing; and 4 more",
            ),
            (
                {},
                "f0 is missing; f1 is missing; f2 is missing; f3 is missing; f4 is missing; and 4 "
                "more",
            ),
            (
                {"id": 7},
                "f1 must be a whole number; f2 is missing; f3 is missing; f4 is missing; f5 is "
                "missing; and 3 more",
            ),
        )
    ]


def test_a_request_that_is_no_row_names_its_unknown_keys(s3):
    """As those of an image model: a line of the caller's own file may name the caller's keys."""

    def predict(request):
        raise unknown_keys(request, ("url", "image"))

    s3.objects["b/in.jsonl"] = b'{"foo": 1, "\\ud800": 2}\n'
    part = {"bucket": "b", "key": "in.jsonl", "start": 0, "end": 9, "output": "s3://b/out.jsonl"}
    assert s3_objects.score_part(part, Service(predict, METADATA))["refused"] == 1
    messages = "foo is not known: send url or image; ? is not known: send url or image"
    assert json.loads(s3.objects["b/out.refused.ndjson"]) == {"line": 1, "problem": messages}


def test_an_object_that_is_replaced_while_it_is_read_is_refused(s3):
    s3.objects["b/a.csv"] = HEADER + GOOD
    part = {
        "bucket": "b",
        "key": "a.csv",
        "start": 0,
        "end": 9,
        "output": "s3://b/o",
        "etag": etag(b"another"),
    }
    with pytest.raises(InvalidInput, match="was replaced while it was read"):
        s3_objects.score_part(part, service_of(Predict()))
    assert set(s3.objects) == {"b/a.csv"}


@pytest.mark.parametrize("name", ["churn", "churn_probability", "warnings", "error", "input"])
@pytest.mark.parametrize("value", ["gold", ""])  # scored, and refused
def test_a_column_named_like_a_part_of_an_answer_is_kept_beside_it(s3, name, value):
    data = f"{name},id,plan,months\nmine,7,{value},3\n".encode()
    [row], _ = scored(s3, data, ".csv")
    assert row["input"] == {name: "mine"} and row["id"] == "7" and row.get(name) != "mine"
    assert ("churn" in row) == (value == "gold")
    line = json.dumps(
        {name: "mine", "id": "7", "months": 3, **({"plan": value} if value else {})}
    ).encode()
    assert scored(s3, line, ".jsonl")[0] == [row]


def test_old_refused_rows_do_not_stay_beside_a_new_result(s3):
    scored(s3, HEADER + b"bad\n", ".csv")
    assert s3.objects["b/out.refused.ndjson"]
    scored(s3, HEADER + GOOD, ".csv")
    assert set(s3.objects) == {"b/in.csv", "b/out.jsonl"}


def test_a_job_leaves_nothing_of_an_earlier_one_and_touches_nothing_else(s3):
    old = [
        "part-00007.jsonl",
        "part-00000.refused.jsonl",
        "part-00000.refused.ndjson",
        "refused.jsonl",
        "manifest.json",
    ]
    mine = ["part-1.jsonl", "part-00007.jsonl.bak", "notes.txt", "deeper/part-00000.jsonl"]
    s3.objects = {f"b/out/{name}": b"" for name in [*old, *mine]} | {
        "b/output/part-00000.jsonl": b""
    }
    clear(s3, "b", "out")
    assert sorted(s3.objects) == sorted(
        ["b/output/part-00000.jsonl", *[f"b/out/{name}" for name in mine]]
    )


def test_the_report_gives_lines_of_the_whole_file_and_only_counts_its_own_parts(s3):
    odd = '{"id": "a\u2028b", "pl\u2028an": 1}\n'.encode()
    s3.objects["b/a.jsonl"] = data = odd * 3 + b'{"plan": "gold", "months": 1}\n' + odd
    parts = parts_of("b", "a.jsonl", s3.head_object("b", "a.jsonl"), "s3://b/out", len(odd) + 1)
    assert parts[-1]["end"] == len(data)
    for part in parts:
        s3_objects.score_part(part, service_of(Predict()))
    report = collect(s3, parts)
    assert (report.rows, report.scored, report.refused, report.missing) == (5, 1, 4, [])
    report.write_refused(s3, "b", "out/refused.jsonl")
    messages = s3.objects["b/out/refused.jsonl"].decode().split("\n")[:-1]
    assert [json.loads(line)["line"] for line in messages] == [1, 2, 3, 5]
    stale = [{**part, "end": part["end"] + 1} for part in parts]
    assert collect(s3, stale).missing == [part["output"] for part in parts]


@pytest.mark.parametrize("url", ["s3://b", "s3://b/", "s3://b//", "s3:///k", "b/k", ""])
def test_an_output_without_a_key_is_refused(url):
    with pytest.raises(
        UserError, match=f"OUTPUT={url} is not an address in S3 such as s3://bucket/folder"
    ):
        location(url, "OUTPUT", "folder")
