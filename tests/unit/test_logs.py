"""The log of the function: whole lines, whoever writes into the same file."""

import io
import json
import sys

from shared.serving import logs


class Unbuffered(io.StringIO):
    """Standard output as Lambda's runtime client replaces it: each write reaches the file at once."""

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
