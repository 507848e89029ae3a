"""Scoring a file takes time in proportion to its rows, and bounded memory and disk."""

import sys
import tracemalloc

import pytest

from shared.serving.app import Service
from shared.serving.errors import InvalidInput
from shared.serving.sources import bulk, byte_ranges, s3_objects
from shared.serving.sources.text_lines import Line
from tests.unit.bulk_parts import GOOD, HEADER, Predict, features, scored, service_of
from tests.unit.toy import METADATA


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


@pytest.mark.parametrize("row", [{}, {"plan": 1}, 3, {"months": "x", "plan": "gold"}])
def test_what_a_refusal_knows_of_each_row_takes_less_memory_than_the_row(row):
    with pytest.raises(InvalidInput) as refused:
        features.columns_of({"customers": [row] * 10_000})
    kept = [rows for _, _, rows in refused.value.groups]
    assert sum(map(len, kept)) >= 10_000 and sum(map(sys.getsizeof, kept)) < 5 * sum(map(len, kept))


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


def test_too_many_results_for_tmp_are_refused_in_one_line(s3, monkeypatch):
    monkeypatch.setattr("shared.serving.sources.results.MOST_BYTES", 1000)
    with pytest.raises(InvalidInput, match="has results of more than 0 MB: use make score"):
        scored(s3, b"{}\n" * 100, ".jsonl")
    assert set(s3.objects) == {"b/in.jsonl"}
