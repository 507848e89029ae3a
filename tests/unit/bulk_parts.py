"""A predict without a model, and the results of a file that is scored in parts."""

import json
from itertools import pairwise

from shared.serving.app import Service
from shared.serving.sources import s3_objects
from shared.serving.tabular import Features
from tests.unit.toy import METADATA, SCHEMA

HEADER = b"id,plan,region,months,fee\n"


GOOD = b"7,gold,north,3,1.5"


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
