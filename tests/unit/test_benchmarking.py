"""`make benchmark` and `make cold-starts` evaluate measurements: statistics, tables, the picture,
REPORT lines.
"""

import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from statistics import StatisticsError
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from scripts.aws.reports import report_of
from scripts.benchmark import measure
from scripts.benchmark.candidates import Candidate
from scripts.benchmark.cold_starts import shown
from scripts.benchmark.plot import draw_bars, picture
from scripts.benchmark.spread import largest_difference, percentiles, summary
from scripts.benchmark.tables import all_tables, cell, number
from shared.errors import UserError

COLD = (
    "START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST\n"
    '{"level": "INFO", "message": "REPORT RequestId: of nobody Duration: 9 ms"}\n'
    "END RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\n"
    "REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 15.74 ms\tBilled Duration: "
    "147 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 56 MB\tInit Duration: 130.49 ms\t\n"
    "XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: "
    "true\t\n"
)
RESTORED = (  # as the documentation prints it, with blanks for tabs
    "REPORT RequestId: 2ae81d0a-xmpl-4697-b07a-ac58fc914c95 Duration: 6.53 ms Billed Duration: "
    "186 ms Memory Size: 1024 MB "
    "Max Memory Used: 105 MB Restore Duration: 433.16 ms Billed Restore Duration: 179 ms\n"
)
AS_JSON = json.dumps(
    {
        "time": "2022-10-12T00:01:15.000Z",
        "type": "platform.report",
        "record": {
            "requestId": "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa",
            "metrics": {
                "billedDurationMs": 694,
                "durationMs": 693.92,
                "initDurationMs": 397.68,
                "maxMemoryUsedMB": 84,
                "memorySizeMB": 128,
            },
            "status": "success",
        },
    }
)


@pytest.mark.parametrize(
    ("quantized", "off", "name"),
    [
        (False, 0.05, "pytorch"),
        (False, 0.05, "python"),
        (True, 0.05, "pytorch"),
        (True, 0.05, "python"),
        (False, 1e-7, "python"),
    ],
)
def test_only_an_int8_model_may_answer_otherwise_than_its_framework(
    monkeypatch, quantized, off, name
):
    answers = dict.fromkeys(("c", "python", "pytorch"), 0.5)
    answers[name] += off

    class Served:
        def __init__(self, candidate):
            self.answer = lambda event: {"probability": answers[candidate.name]}

        __enter__, __exit__ = (lambda self: self), (lambda self, *error: None)

    monkeypatch.setattr(measure, "Served", Served)
    project: Any = SimpleNamespace(folder=Path("mine"), image="mine", quantized=quantized)
    folders = {"c": Path("mine"), "python": Path("mine"), "pytorch": Path("theirs")}
    candidates = [
        Candidate(key, key, project, folder, has_model=True) for key, folder in folders.items()
    ]
    examples: Any = SimpleNamespace(one={}, sizes=[1], batch=lambda size: {})
    if off < 1e-4 or (quantized and name == "pytorch"):
        assert measure.check_answers(candidates, examples)[name] == pytest.approx(off)
    else:
        with pytest.raises(UserError, match="responds otherwise than mine: nothing was measured"):
            measure.check_answers(candidates, examples)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_percentiles_are_numpy_s(values):
    found = percentiles("run", values)
    assert list(found) == ["run_p50_ms", "run_p95_ms", "run_p99_ms"]
    expected = np.quantile(values, [0.5, 0.95, 0.99])
    assert list(found.values()) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_a_summary_is_the_median_and_the_quartiles():
    assert summary([4, 1, 2, 3, 100]) == {"median": 3, "low": 2, "high": 4, "n": 5}
    assert summary([7.5]) == {"median": 7.5, "low": 7.5, "high": 7.5, "n": 1}
    with pytest.raises(StatisticsError):
        summary([])


def test_the_largest_difference_of_two_answers():
    one = {"predictions": [{"p": 0.5, "label": "hat"}, {"p": 0.25, "label": "bag"}]}
    other = {"predictions": [{"p": 0.5, "label": "hat"}, {"p": 0.375, "label": "bag"}]}
    assert largest_difference(one, one) == 0 and largest_difference(one, other) == 0.125
    assert largest_difference(one, {"predictions": one["predictions"][:1]}) == math.inf
    assert largest_difference({"label": "hat"}, {"label": "bag"}) == math.inf
    assert largest_difference({"p": 0.5}, {"p": math.nan}) == math.inf
    assert largest_difference({"churn": True}, {"churn": False}) == math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,346"),
        (99.96, "100"),
        (99.94, "99.9"),
        (9.996, "10.0"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
    ],
)
def test_three_digits_are_shown(value, text):
    assert number(value) == text


def test_a_cell_has_the_spread_where_there_is_one():
    assert cell({"median": 5, "low": 4, "high": 6, "n": 9}, spread=True) == "5.00 (4.00–6.00)"
    assert (
        cell({"median": 5, "low": 4, "high": 6, "n": 9}, spread=False)
        == cell(summary([5]), spread=True)
        == "5.00"
    )
    assert cell(None, spread=True) == "–"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            COLD,
            {
                "durationMs": 15.74,
                "billedDurationMs": 147,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 56,
                "initDurationMs": 130.49,
            },
        ),
        (
            RESTORED,
            {
                "durationMs": 6.53,
                "billedDurationMs": 186,
                "memorySizeMB": 1024,
                "maxMemoryUsedMB": 105,
            }
            | {"restoreDurationMs": 433.16, "billedRestoreDurationMs": 179},
        ),
        (
            '{"level": "INFO"}\n' + AS_JSON + "\n",
            {
                "durationMs": 693.92,
                "billedDurationMs": 694,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 84,
                "initDurationMs": 397.68,
            },
        ),
    ],
    ids=["cold", "restored", "json"],
)
def test_what_lambda_reports(log, expected):
    assert report_of(log) == expected
    assert report_of(COLD + log) == expected  # the last one counts


def test_a_log_without_a_report():
    assert report_of(COLD.replace("REPORT RequestId: 8f", "RE 8f")) == {} == report_of("")


def test_cold_and_warm_side_by_side():
    warm = {"durationMs": 2.0, "billedDurationMs": 2}
    lines = shown([report_of(COLD)] * 3, [warm, warm]).splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == ["cold (3)", "warm (2)"]
    assert re.split(r"\s{2,}", lines[1]) == ["Init Duration, ms", "130 (130–130)", "–"]
    assert [line.split(",")[0] for line in lines[2:]] == [
        "Duration",
        "Billed Duration",
        "Max Memory Used",
        "Memory Size",
    ]


@pytest.fixture
def found():
    """The contents of a JSON file for two candidates, one of them without a model."""

    def measures(factor, *names):
        return {
            name: {"median": factor, "low": 0.9 * factor, "high": 1.1 * factor, "n": 9}
            for name in names
        }

    always = (
        "start_up_ms",
        "first_answer_ms",
        "added_mb",
        "memory_mb",
        "round_trip_p50_ms",
        "throughput_1",
    )
    model = (*always, "handler_p50_ms", "run_ms", "batch_1_handler_ms", "batch_10_handler_ms")
    return {
        "model": "toy <&>",
        "date": "2026-11-24",
        "machine": {"cpu": "a <fast> one", "cores": 2},
        "rounds": {"starts": 9, "copies": [1]},
        "batch_sizes": [1, 10],
        "batch_of": "rows",
        "candidates": {
            "c": {"what": "ONNX Runtime, C API", "measures": measures(12.5, *model)},
            "empty": {"what": "imports nothing", "measures": measures(3.25, *always)},
        },
    }


def test_the_picture_is_svg_with_every_name_and_number(found):
    svg = picture(found)
    assert svg == picture(found)  # the same at each run
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("imports nothing") == 3
    assert texts.count("ONNX Runtime, C API") == 4  # three bars, and one line
    assert texts.count("12.5") == 3 and texts.count("3.25") == 3 and "10" in texts
    assert any(text.startswith("toy <&>: ") for text in texts)


def test_a_bar_is_as_long_as_the_median_with_its_quartiles_as_whiskers(found):
    axes: Any = Figure().subplots()
    draw_bars(axes, "Start-up, ms", "start_up_ms", found["candidates"])
    assert [bar.get_width() for bar in axes.patches] == [12.5, 3.25]
    [whiskers] = axes.collections
    assert whiskers.get_segments()[0][:, 0].tolist() == pytest.approx([0.9 * 12.5, 1.1 * 12.5])
    assert axes.get_xlim()[1] > 1.1 * 12.5


def test_the_tables_are_aligned_and_leave_out_what_has_no_model(found):
    start, weight, *_, by_size, _ = (
        table.splitlines() for table in all_tables(found).split("\n\n")
    )
    assert (
        start[0] == "Start, ms" and len({len(line) for line in start[1:]}) == 1 and len(start) == 4
    )
    assert "12.5 (11.2–13.8)" in start[2] and weight[3].startswith("imports nothing")
    assert by_size[0] == "Time in the handler by rows in one request, ms" and len(by_size) == 3
