"""What became of the parts of a bulk job, read from the objects that they left in S3."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import botocore.exceptions as errors

from scripts.aws import code_of
from shared.serving.storage import refused_of

READERS = 8  # objects looked at at a time


@dataclass
class Report:
    """The sums over all parts. seconds: of the function's time; missing: outputs of parts that are not there."""

    parts: int = 0
    rows: int = 0
    scored: int = 0
    refused: int = 0
    seconds: float = 0
    missing: list[str] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)  # lines before the part, and its ….refused.jsonl

    def write_refused(self, s3, bucket: str, key: str) -> None:
        """Writes all refused rows into one object, with the numbers of their lines in the whole file."""
        if not self.refused:
            s3.delete_object(Bucket=bucket, Key=key)  # of a job before this one
            return
        lines = []
        for before, url in self.refusals:
            for text in s3.get_object(**_address(url))["Body"].read().decode().splitlines():
                entry = json.loads(text)
                lines.append(json.dumps({**entry, "line": before + entry["line"]}, ensure_ascii=False) + "\n")
        s3.put_object(Bucket=bucket, Key=key, Body="".join(lines).encode(), ContentType="application/x-ndjson")


def collect(s3, outputs: list[str], since: float) -> Report:
    """The report on parts, in their order. since: seconds since 1970; what was written before is of another job."""
    report, lines = Report(), 0
    with ThreadPoolExecutor(READERS) as pool:
        for output, head in zip(outputs, pool.map(lambda output: _head(s3, output), outputs)):
            # S3's clock counts whole seconds, and may differ a little from this machine's.
            if not head or head["LastModified"].timestamp() < since - 60:
                report.missing.append(output)
                continue
            counts = {name: int(count) for name, count in head["Metadata"].items()}
            report.parts += 1
            report.rows += counts["rows"]
            report.scored += counts["scored"]
            report.refused += counts["refused"]
            report.seconds += counts["milliseconds"] / 1000
            if counts["refused"]:
                report.refusals.append((lines, refused_of(output)))
            lines += counts["lines"]
    return report


def _head(s3, url: str) -> dict | None:
    try:
        return s3.head_object(**_address(url))
    except errors.ClientError as error:
        if code_of(error) in ("404", "NoSuchKey"):
            return None
        raise


def _address(url: str) -> dict[str, str]:
    bucket, key = url.removeprefix("s3://").split("/", 1)
    return {"Bucket": bucket, "Key": key}
