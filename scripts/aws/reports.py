"""Parse what Lambda reports of an invocation: REPORT lines and `platform.report` records."""

from __future__ import annotations

import json
import re

# Names in a REPORT line, and in the record `platform.report` of a log in JSON format.
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
FIELDS = {
    "Init Duration": "initDurationMs",
    "Restore Duration": "restoreDurationMs",
    "Billed Restore Duration": "billedRestoreDurationMs",
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Max Memory Used": "maxMemoryUsedMB",
    "Memory Size": "memorySizeMB",
}


def report_of(log: str) -> dict[str, float]:
    """Return the measures of an invocation, by their names in FIELDS.

    log: the end of its log. Empty without a REPORT.
    """
    for line in reversed(log.splitlines()):
        if line.startswith("REPORT RequestId:"):
            return {
                FIELDS[name]: float(value)
                for name, value in re.findall(r"([A-Z][A-Za-z ]*): ([\d.]+) (?:ms|MB)", line)
            }
        if line.startswith("{") and '"platform.report"' in line:
            return {
                name: value
                for name, value in json.loads(line)["record"]["metrics"].items()
                if name in FIELDS.values()
            }
    return {}
