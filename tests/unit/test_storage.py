"""Objects in S3: their lines become rows, parts fit together at any cut, and refused rows are
named.
"""

import csv
import io
import json
from urllib.parse import quote_plus

import pytest

from shared.serving.errors import InvalidInput
from shared.serving.sources.csv_rows import CSV_PROBLEMS, number_of
from tests.unit.toy import probability

HEADER = "id,plan,region,months,fee"
LINES = [
    HEADER,
    *(
        f'{at},{("gold", "basic")[at % 2]},"no, ""rth""",{at % 60},{at / 7:.2f}'
        for at in range(200)
    ),
]


def part(key, start, end, output="s3://bucket/out.jsonl"):
    """Return the event for a part of an object: a range of bytes."""
    return {"score": {"bucket": "bucket", "key": key, "start": start, "end": end, "output": output}}


def results(s3, key="bucket/out.jsonl"):
    """Return the lines of a result object, parsed."""
    return [json.loads(line) for line in s3.objects[key].decode().splitlines()]


def arrived(*keys):
    """Return an S3 notification of created objects."""
    return {
        "Records": [
            {"eventSource": "aws:s3", "s3": {"bucket": {"name": "bucket"}, "object": {"key": k}}}
            for k in keys
        ]
    }


def test_a_csv_that_arrives_is_scored_and_left_untouched(handler, s3):
    name = "input/a b,ü.csv"
    before = s3.objects[f"bucket/{name}"] = "\r\n".join(["\ufeff" + LINES[0], *LINES[1:]]).encode()
    answer = handler(arrived(quote_plus(name)))
    assert answer["results"][0]["rows"] == answer["results"][0]["scored"] == 200
    rows = results(s3, f"bucket/results/{name}.jsonl")
    assert [row["id"] for row in rows] == [str(at) for at in range(200)]
    expected = probability({"plan": "basic", "region": "other", "months": 7, "fee": 1.0})
    assert rows[7]["churn_probability"] == pytest.approx(expected, abs=1e-6)
    assert s3.objects[f"bucket/{name}"] == before


def test_through_eventbridge_the_key_comes_unquoted(handler, s3):
    s3.objects["bucket/in put.jsonl"] = b'{"plan": "gold", "months": 1, "who": "x"}\n\n[1]\n'
    detail = {"bucket": {"name": "bucket"}, "object": {"key": "in put.jsonl"}}
    answer = handler({"detail-type": "Object Created", "source": "aws.s3", "detail": detail})
    assert answer["results"][0] | {"output": None} == {
        "lines": 3,
        "rows": 2,
        "scored": 1,
        "refused": 1,
        "output": None,
    }
    first, second = results(s3, "bucket/results/in put.jsonl.jsonl")
    assert first["who"] == "x" and "churn" in first and "warnings" not in first
    assert second == {"error": "the request must be an object, not a list"}
    assert results(s3, "bucket/results/in put.jsonl.refused.ndjson") == [
        {"line": 3, "problem": second["error"]}
    ]


def test_results_do_not_trigger_again(handler, s3):
    assert handler(arrived("results/input/a.csv.jsonl")) == {"results": []} and not s3.objects


def test_an_object_that_cannot_be_scored_is_an_error_and_the_others_are_scored(handler, s3):
    s3.objects |= {
        "bucket/a.csv": b"no,such,columns\n1,2,3\n",
        "bucket/b.csv": f"{LINES[0]}\n{LINES[1]}\n".encode(),
    }
    with pytest.raises(
        InvalidInput, match="header lacks plan, months: the first line must name the columns"
    ):
        handler(arrived("a.csv", "b.csv"))
    assert len(results(s3, "bucket/results/b.csv.jsonl")) == 1


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("size", [1, 7, 40, 41, 200, 10**6])
def test_parts_fit_together_wherever_they_are_cut(handler, s3, size, end):
    lines = [LINES[0], *LINES[1:7], "bad", *LINES[7:12]]
    body = s3.objects["bucket/all.csv"] = ("\n".join(lines) + end).encode()
    rows, lines_before, refused = [], 0, []
    for start in range(0, len(body), size):
        counts = handler(part("all.csv", start, min(start + size, len(body))))
        rows += results(s3)
        if counts["refused"]:
            refused += [
                lines_before + entry["line"] for entry in results(s3, "bucket/out.refused.ndjson")
            ]
        lines_before += counts["lines"]
    assert [row.get("id") for row in rows] == [*map(str, range(6)), None, *map(str, range(6, 11))]
    assert refused == [8] and lines_before == 13 + (end == "\n\n")


def test_a_part_that_is_run_twice_writes_the_same(handler, s3):
    s3.objects["bucket/all.csv"] = "\n".join(LINES).encode()
    handler(part("all.csv", 100, 900))
    first = dict(s3.objects)
    handler(part("all.csv", 100, 900))
    assert s3.objects == first


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,gold,north,x,1", "months must be a number, not text"),
        ("1,gold,north,NaN,1", "months must be a number, not text"),
        ("1,gold,north,1_0,1", "months must be a number, not text"),
        ("1,gold,north,,1", "months is missing"),
        ("1,,north,1,1", "plan is missing"),
        ("1,gold,north,1.5,-1", "months must be a whole number; fee must be between 0 and 1320.5"),
        ("1,gold,north", "the request has 3 values for 5 columns"),
        ('1,gold,no"rth,1,1', "the request has a quote that does not belong to a pair"),
        ('1,gold,"north"x,1,1', "the request is not valid CSV"),
        ('1,gold,"north,1,1', f"the request {CSV_PROBLEMS['unexpected end']}"),
        (
            "1,gold,no\rrth,1,1",
            "the request has a carriage return in it: end lines with LF or CRLF",
        ),
        (f"1,gold,{'n' * 200_000},1,1", "the request has a value of more than 131,072 characters"),
        ("1,gold,north,1e999,1", "months must be a number, not NaN or infinity"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_scored(handler, s3, line, problem):
    s3.objects["bucket/all.csv"] = "\n".join([*LINES[:50], line, *LINES[50:100]]).encode()
    counts = handler(part("all.csv", 0, len(s3.objects["bucket/all.csv"])))
    assert (counts["rows"], counts["scored"], counts["refused"]) == (100, 99, 1)
    assert results(s3, "bucket/out.refused.ndjson") == [{"line": 51, "problem": problem}]
    assert results(s3)[49]["error"] == problem


def test_a_value_with_line_breaks_is_scored_nowhere_even_where_a_cut_goes_through_it(handler, s3):
    """Its second half has the right number of columns: it must not pass for a row."""
    body = s3.objects["bucket/all.csv"] = f'{HEADER}\n"a\nb",gold,north,1,1\n{LINES[1]}\n'.encode()
    for cut in range(1, len(body)):
        rows = []
        for start, end in ((0, cut), (cut, len(body))):
            handler(part("all.csv", start, end))
            rows += results(s3)
        assert [row["id"] for row in rows if "churn" in row] == ["0"], cut


def test_thousands_of_bad_rows_are_all_reported(handler, s3):
    lines = [f"{at},gold,north,{at % 3 or 'x'},1" for at in range(9000)]
    s3.objects["bucket/all.csv"] = "\n".join([HEADER, *lines]).encode()
    counts = handler(part("all.csv", 0, len(s3.objects["bucket/all.csv"])))
    assert (counts["scored"], counts["refused"]) == (6000, 3000)
    assert [entry["line"] for entry in results(s3, "bucket/out.refused.ndjson")] == list(
        range(2, 9002, 3)
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"start": "0"}, "score.start must be a whole number"),
        ({"start": 5, "end": 4}, "score.start must be between 0 and end"),
        ({"output": None}, "score.output must be text"),
        (
            {"output": "out"},
            "score.output must be an address in S3 such as s3://bucket/folder/part.jsonl",
        ),
        ({"output": "s3://b"}, "score.output must be an address in S3"),
        ({"output": "s3://b/"}, "score.output must be an address in S3"),
        ({"output": "s3:///k"}, "score.output must be an address in S3"),
        ({"output": "s3://b/" + "ü" * 510}, "score.output has too long a key"),
        ({"output": "s3://b/\ud800"}, "score.output must be text without lone surrogates"),
        ({"output": "s3://bucket/a.csv"}, "score.output must not be the object that is scored"),
        ({"etag": 1}, "score.etag must be text"),
        ({"fresh": "yes"}, "score.fresh must be true or false"),
        (
            {"end": 10**9},
            "score has more than 33,554,432 bytes: use make score, which cuts it into parts",
        ),
        ({"key": "a.xlsx"}, "must be a .csv or .jsonl file"),
    ],
)
def test_a_part_that_makes_no_sense(handler, s3, changed, message):
    before = s3.objects = {"bucket/a.csv": LINES[0].encode(), "bucket/a.xlsx": b"x"}
    with pytest.raises(InvalidInput, match=message):
        handler(
            {
                "score": {
                    "bucket": "bucket",
                    "key": "a.csv",
                    "start": 0,
                    "end": 1,
                    "output": "s3://bucket/o",
                    **changed,
                }
            }
        )
    assert s3.objects == before and s3.bytes_read <= 1  # refused before any work


def test_text_values_become_what_the_schema_says():
    assert [number_of(text) for text in ("1", " 1.5", "1e3", "-2", "", "inf", "0x1", "1-2")] == [
        1, 1.5, 1000.0, -2, "", "inf", "0x1", "1-2",
    ]  # fmt: skip
    assert next(csv.reader(io.StringIO(LINES[1])))[2] == 'no, "rth"'
