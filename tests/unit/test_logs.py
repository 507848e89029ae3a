"""The log of the function: each line stays whole, even if others write to the same file."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from scripts.project import ROOT
from shared.serving import logs


class Unbuffered(io.StringIO):
    """Standard output as Lambda's runtime client replaces it: each write reaches the file at
    once.
    """

    def __init__(self):
        super().__init__()
        self.writes = []

    def write(self, text):
        self.writes.append(text)
        return len(text)


def test_a_line_is_one_write(monkeypatch):
    output = Unbuffered()
    monkeypatch.setattr(sys, "stdout", output)
    with logs.invocation(None, "invoke", {"name": "x"}):
        logs.count("predictions")
    [line] = output.writes
    assert line.endswith("\n") and json.loads(line)["predictions"] == 1


@pytest.mark.parametrize(
    ("context", "function"),
    [(SimpleNamespace(function_name="my-folder"), "my-folder"), (None, "my-model")],
)
def test_metrics_are_those_of_the_function_whatever_its_model_is_called(capsys, context, function):
    """The alarm on errors knows the function alone."""
    with logs.invocation(context, "invoke", {"name": "my-model"}):
        pass
    line = json.loads(capsys.readouterr().out)
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    [[dimension]] = metrics["Dimensions"]
    template = (ROOT / "scripts/aws/template.yaml").read_text()
    assert line[dimension] == function and line["model"] == "my-model"
    assert f"Dimensions: [{{Name: {dimension}, Value: !Ref FunctionName}}]" in template
