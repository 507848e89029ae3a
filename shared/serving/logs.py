"""Log one JSON line for each invocation, and metrics in its `_aws` member.

Embedded metric format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
No customer data and no image may get into a line.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput

if TYPE_CHECKING:
    from typing import Any

NAMESPACE = "OnnxOnLambda"
METRICS = {
    "duration_ms": "Milliseconds",
    "fetch_ms": "Milliseconds",
    "decode_ms": "Milliseconds",
    "inference_ms": "Milliseconds",
    "predictions": "Count",
    "refused": "Count",
    "errors": "Count",
}

_line: dict = {}  # of the invocation under way; Lambda runs one at a time
_cold = True


@contextmanager
def invocation(context: object, trigger: str, metadata: dict) -> Iterator[None]:
    """Collect the line of one invocation, and print it however the invocation ends."""
    global _cold
    _line.clear()
    _line.update(
        request_id=getattr(context, "aws_request_id", None), trigger=trigger, cold_start=_cold
    )
    # The name of the function, by which alarms select; the model may have another name.
    _line.update(function=getattr(context, "function_name", None) or metadata["name"])
    _line.update(
        model=metadata["name"], version=metadata.get("version"), predictions=0, refused=0, errors=0
    )
    _cold = False
    start = time.perf_counter()
    try:
        yield
    except Exception as error:
        record_failure(error)
        raise
    finally:
        _line["duration_ms"] = round((time.perf_counter() - start) * 1000, 3)
        units = [{"Name": name, "Unit": unit} for name, unit in METRICS.items() if name in _line]
        emf = {"Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": units}
        stamp = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [emf]}
        text = json.dumps({"level": "ERROR" if _line["errors"] else "INFO", **_line, "_aws": stamp})
        # One write; print() would make two. Lambda's client flushes each, and another process may
        # write in between.
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Add the milliseconds spent inside to the line: `fetch`, `decode` or `inference`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        key = f"{name}_ms"
        _line[key] = round(_line.get(key, 0) + (time.perf_counter() - start) * 1000, 3)


@contextmanager
def unlogged() -> Iterator[None]:
    """Restore the line at the end: for a prediction that is not part of a response."""
    before = dict(_line)
    try:
        yield
    finally:
        _line.clear()
        _line.update(before)


def count(name: str, by: int = 1) -> None:
    """Add to one of the line's counts: `predictions`, `refused` or `errors`."""
    _line[name] = _line.get(name, 0) + by


def set_source(name: str) -> None:
    """Name the event source, if only a closer look at the event showed it."""
    _line["trigger"] = name


def record_response(found: dict, **where: str) -> dict:
    """Append a response to the line, and return it. `where` adds members, such as a message id.

    Warnings quote the caller's values, so they are left out of the line.
    """
    _append("answers", {**where, **_without_warnings(found)})
    return found


def record_failure(error: Exception) -> None:
    """Count a refusal, or an error of the function with its place in the code. The error's text may
    quote the input, so it is left out.
    """
    if isinstance(error, InvalidInput):
        return count("refused")
    count("errors")
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    _append("tracebacks", {"error": type(error).__name__, "frames": frames})


def _append(name: str, value: object) -> None:
    _line.setdefault(name, []).append(value)


def _without_warnings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_warnings(item) for key, item in value.items() if key != "warnings"}
    return [_without_warnings(item) for item in value] if isinstance(value, list) else value
