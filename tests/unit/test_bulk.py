"""Every row of a file is in exactly one of scored and refused, for any bytes and any cut, in linear
time.
"""

import json
import sys
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.aws.bulk_files import clear, location, parts_of
from scripts.aws.bulk_report import collect
from shared.errors import UserError
from shared.serving.app import Service
from shared.serving.errors import InvalidInput, unknown_keys
from shared.serving.sources import bulk, byte_ranges, s3_objects
from shared.serving.sources.text_lines import Line
from shared.serving.tabular import Features
from tests.unit.fake_s3 import FakeS3, etag
from tests.unit.toy import METADATA, SCHEMA

HEADER = b"id,plan,region,months,fee\n"
GOOD = b"7,gold,north,3,1.5"
ODD = [
    b"",
    b" \t",
    b"{}",
    b"[1]",
    b'{"plan": "gold", "months": 1}',
    b'{"plan": "gold", "months": 1e999}',
    b'{"plan": "gold", "months": 1, "id": 1e999}',
    b'{"plan": "gold", "months": 1, "id": "\\ud800"}',
    b'{"plan": "\\ud800", "months": 1}',
    b'{"plan": "gold", "months": 1, "\\udfff": 1}',
    b'{"plan": "gold", "months": NaN}',
    b'{"plan": "gold", "months": 1, "id": ' + b"[" * 400 + b"]" * 400 + b"}",
    b"[" * 10_000,
    b"1" * 5000,
    GOOD,
    b'"7","gold","north","3","1.5"',
    b'7,gold,"no, ""rth""",3,1.5',
    b'"7,gold,north,3,1.5',
    b'7,gold,north,3,1.5"',
    b'7,go"ld,north,3,1.5',
    b'"a","b',
    b"7,gold,north,1e999,1",
    b"7,gold,north,1,nan",
    b"7,gold",
    b"7,gold,north,3,1.5,8",
    b"7,gold,nor\0th,3,1.5",
    b"7,gold,nor\rth,3,1.5",
    b"7,gold,north,3,\xff",
    b"\xef\xbb\xbf" + GOOD,
    b"7,gold,\xe2\x80\xa8,3,1.5",
    b"7,gold,\xc2\x85\x0c\x1c,3,1.5",
    b"7,gold," + b"n" * 140_000 + b",3,1.5",
]
LINE = st.one_of(st.sampled_from(ODD), st.binary(max_size=30))
FILES = st.lists(st.tuples(LINE, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=15)
KEYS = {"row_key": "customer", "batch_key": "customers"}
features = Features(SCHEMA, **KEYS)


class Predict:
    """A handler's predict without a model, which counts what it is asked."""

    def __init__(self):
        self.calls = self.rows = 0

    def __call__(self, request):
        rows = request["customers"]
        self.calls, self.rows = self.calls + 1, self.rows + len(rows)
        columns, warnings = features.columns_of(request)
        answers = [
            {"churn_probability": months / 1000, "churn": months > 500}
            for months in columns["months"]
        ]
        for at, messages in warnings.items():
            answers[at]["warnings"] = messages
        return {"predictions": answers}


def service_of(predict):
    """A service of the toy model with another predict."""
    return Service(predict, METADATA, batch_key="customers")


@pytest.fixture
def s3(monkeypatch):
    """A client of S3 in memory, in place of boto3's."""
    fake = FakeS3()
    monkeypatch.setattr(s3_objects, "_client", fake)
    return fake


def scored(s3, data, suffix, cuts=(), predict=None, **more):
    """All lines of the results and refusals of a file's parts: (number of the line, problem), and
    the results as they are.
    """
    key, ends, before = f"in{suffix}", sorted({*cuts, 0, len(data)}), 0
    s3.objects[f"b/{key}"] = data
    results, refused, rows = b"", [], 0
    for start, end in pairwise(ends):
        part = {
            "bucket": "b",
            "key": key,
            "start": start,
            "end": end,
            "output": "s3://b/out.jsonl",
            **more,
        }
        counts = s3_objects.score_part(part, service_of(predict or Predict()))
        results += s3.objects["b/out.jsonl"]
        messages = s3.objects.get("b/out.refused.ndjson", b"").split(b"\n")[:-1]
        assert messages or "b/out.refused.ndjson" not in s3.objects
        refused += [
            (before + entry["line"], entry["problem"]) for entry in map(json.loads, messages)
        ]
        assert counts["scored"] + counts["refused"] == counts["rows"] and counts["refused"] == len(
            messages
        )
        before, rows = before + counts["lines"], rows + counts["rows"]
    answers = [json.loads(line) for line in results.decode().split("\n")[:-1]]
    assert len(answers) == rows
    return answers, refused


def numbers_of_rows(data, header):
    """The numbers of the lines that are not blank: an oracle of its own."""
    found = []
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.decode(errors="replace").removeprefix("\ufeff" if number == 1 else "")
        if text.strip() and number > header:
            found.append(number)
    return found


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(
    lines=FILES,
    cuts=st.lists(st.integers(0, 10**6), max_size=3),
    size=st.sampled_from([300, 5_000]),
)
@settings(max_examples=40, deadline=None)
def test_each_row_is_scored_or_refused_once_however_the_file_is_cut(suffix, lines, cuts, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_ranges, "SLICE", size)
        patch.setattr(bulk, "BATCH", 7)
        patch.setattr(s3_objects, "_client", s3 := FakeS3())
        data = (HEADER if suffix == ".csv" else b"") + b"".join(line + end for line, end in lines)
        answers, refused = scored(s3, data, suffix)
        rows = numbers_of_rows(data, header=suffix == ".csv")
        assert len(answers) == len(rows)
        assert [
            (rows[at], row["error"]) for at, row in enumerate(answers) if "error" in row
        ] == refused
        assert all(("error" in row) != ("churn" in row) for row in answers)
        assert scored(s3, data, suffix, [cut % (len(data) + 1) for cut in cuts]) == (
            answers,
            refused,
        )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("bad", ODD, ids=lambda line: repr(line[:30]))
def test_a_bad_line_costs_no_other(s3, bad, suffix):
    good = GOOD if suffix == ".csv" else b'{"id": "7", "plan": "gold", "months": 3}'
    data = (HEADER if suffix == ".csv" else b"") + b"\n".join([*[good] * 100, bad, *[good] * 100])
    answers, refused = scored(s3, data, suffix)
    others = [
        row for row in answers if row.get("id") == "7" and row.get("churn_probability") == 0.003
    ]
    assert len(others) >= 200 and len(answers) - len(others) <= 1
    assert {number for number, _ in refused} <= {101 + (suffix == ".csv")}


def test_a_line_that_is_too_long_is_refused_and_never_held(s3):
    line = b'{"plan": "gold", "months": 1, "id": "' + b"x" * (3 * byte_ranges.LONGEST_LINE) + b'"}'
    good = b'{"plan": "gold", "months": 1}\n'
    data = good + line + b"\n" + good
    expected = scored(s3, data, ".jsonl")
    assert [number for number, _ in expected[1]] == [2] and len(expected[0]) == 3
    for cut in (
        len(good),
        len(good) + 1,
        2 * byte_ranges.LONGEST_LINE,
        len(good) + len(line),
        len(good) + len(line) + 1,
    ):
        assert scored(s3, data, ".jsonl", [cut]) == expected


@pytest.mark.parametrize(
    "row",
    [
        b"{}",
        b'{"a": 1}',
        b'{"plan": "gold", "months": 1}',
        b"x",
        b'{"plan": "gold", "months": "x"}',
    ],
)
def test_the_work_grows_with_the_rows_alone(s3, monkeypatch, row):
    """At most two looks at a row, and calls by the batch, however many rows are bad."""
    monkeypatch.setattr(bulk, "BATCH", 1000)
    for count in (200, 2000):
        predict = Predict()
        scored(s3, (row + b"\n") * count, ".jsonl", predict=predict)
        assert predict.rows <= 2 * count and predict.calls <= 8


SAME = [
    "{}",
    "x",
    "[1]",
    '{"plan": "gold", "months": "x", "id": 1}',
    '{"plan": "gold", "months": 1}\n{}',
]
DISTINCT = ["{%d}", "[%d]", '{"a": %d}', '{"months": %d}\nx']


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("line", [*SAME, *DISTINCT])
def test_a_refusal_that_many_rows_share_is_put_into_words_once(s3, monkeypatch, suffix, line):
    """An exception and its text for each row took 20 seconds for 1 MB of {}."""
    worded, word = [], InvalidInput._message

    def message(self, written):
        worded.append(self.problems)
        return word(self, written)

    monkeypatch.setattr(InvalidInput, "_message", message)
    lines = [line % at if line in DISTINCT else line for at in range(2000)]
    _, refused = scored(
        s3, (HEADER if suffix == ".csv" else b"") + "\n".join(lines).encode(), suffix
    )
    assert len(refused) >= 2000 and len({problem for _, problem in refused}) <= 3
    # each has to be parsed to be refused
    looked_at = 2000 if line in DISTINCT and suffix == ".jsonl" else 0
    assert len(worded) <= looked_at + 30


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


@pytest.mark.parametrize("row", [{}, {"plan": 1}, 3, {"months": "x", "plan": "gold"}])
def test_what_a_refusal_knows_of_each_row_takes_less_memory_than_the_row(row):
    with pytest.raises(InvalidInput) as refused:
        features.columns_of({"customers": [row] * 10_000})
    kept = [rows for _, _, rows in refused.value.groups]
    assert sum(map(len, kept)) >= 10_000 and sum(map(sys.getsizeof, kept)) < 5 * sum(map(len, kept))


def test_a_request_that_is_no_row_names_its_unknown_keys(s3):
    """As those of an image model: a line of the caller's own file may name the caller's keys."""

    def predict(request):
        raise unknown_keys(request, ("url", "image"))

    s3.objects["b/in.jsonl"] = b'{"foo": 1, "\\ud800": 2}\n'
    part = {"bucket": "b", "key": "in.jsonl", "start": 0, "end": 9, "output": "s3://b/out.jsonl"}
    assert s3_objects.score_part(part, Service(predict, METADATA))["refused"] == 1
    messages = "foo is not known: send url or image; ? is not known: send url or image"
    assert json.loads(s3.objects["b/out.refused.ndjson"]) == {"line": 1, "problem": messages}


def test_bad_rows_among_good_ones_cost_one_more_look(s3):
    predict = Predict()
    data = b"".join(
        b'{"plan": "gold", "months": %s}\n' % (b"1" if at % 3 else b'"x"') for at in range(9000)
    )
    answers, refused = scored(s3, data, ".jsonl", predict=predict)
    assert (
        len(refused) == 3000
        and predict.rows <= 15_001
        and predict.calls <= 5
        and "churn" in answers[1]
    )


def test_a_predict_that_names_one_row_at_a_time_is_asked_for_each_row_at_most():
    asked = []

    def predict(request):
        asked.append(len(request["rows"]))
        for at, row in enumerate(request["rows"]):
            if row["bad"]:
                raise InvalidInput((("rows", at, "bad"), "is bad"))
        return {"predictions": [{"ok": True} for _ in request["rows"]]}

    rows: list[Line] = [({"bad": at % 2 == 0}, {}) for at in range(1000)]
    answers = bulk.score(rows, Service(predict, METADATA, batch_key="rows"), frozenset())
    assert [answer and answer[1] for answer in answers] == ["bad is bad", ""] * 500
    assert sum(asked) <= 4000


def test_memory_is_bounded_by_a_slice_and_not_by_the_file(s3):
    def peak(count):
        s3.objects["b/big.csv"] = HEADER + (GOOD + b"\n") * count
        part = {
            "bucket": "b",
            "key": "big.csv",
            "start": 0,
            "end": len(s3.objects["b/big.csv"]),
            "output": "s3://b/out.jsonl",
        }
        tracemalloc.start()
        try:
            s3_objects.score_part(part, service_of(Predict()))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_ranges, "SLICE", 20_000)
        patch.setattr("shared.serving.sources.results.IN_MEMORY", 1)
        patch.setattr(s3, "put_object", lambda **_: None)
        assert peak(8_000) < 1.3 * peak(2_000)


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


def test_too_many_results_for_tmp_are_refused_in_one_line(s3, monkeypatch):
    monkeypatch.setattr("shared.serving.sources.results.MOST_BYTES", 1000)
    with pytest.raises(InvalidInput, match="has results of more than 0 MB: use make score"):
        scored(s3, b"{}\n" * 100, ".jsonl")
    assert set(s3.objects) == {"b/in.jsonl"}


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
