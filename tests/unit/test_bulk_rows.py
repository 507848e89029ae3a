"""Every row of a file is in exactly one of scored and refused, for any bytes and any cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.serving.sources import bulk, byte_ranges, s3_objects
from tests.unit.bulk_parts import GOOD, HEADER, scored
from tests.unit.fake_s3 import FakeS3

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
