"""Report on a bulk job, from the objects that its parts wrote to S3."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions as errors

from scripts.aws.account import code_of
from shared.serving.sources.results import address_of, refused_of

READERS = 8  # objects looked at at a time
IN_MEMORY = 32 * 1024 * 1024  # bytes of refused rows; more goes through a temporary file


@dataclass
class Report:
    """The sums over all parts. seconds: of the function's time; missing: outputs of parts that are
    not there.
    """

    parts: int = 0
    rows: int = 0
    scored: int = 0
    refused: int = 0
    seconds: float = 0
    missing: list[str] = field(default_factory=list)
    # Lines before the part, and its ….refused.ndjson.
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def write_refused(self, s3: Any, bucket: str, key: str) -> None:
        """Write all refused rows into one object, with the numbers of their lines in the whole
        file.
        """
        if not self.refused:
            s3.delete_object(Bucket=bucket, Key=key)  # of a job before this one
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as lines:
            for before, url in self.refusals:
                content = s3.get_object(**address_of(url))["Body"].read()
                for text in content.split(b"\n"):  # splitlines splits at U+2028 too
                    if text:
                        entry = json.loads(text)
                        text = json.dumps(
                            {**entry, "line": before + entry["line"]}, ensure_ascii=False
                        )
                        lines.write(f"{text}\n".encode())
            lines.seek(0)
            s3.put_object(Bucket=bucket, Key=key, Body=lines, ContentType="application/x-ndjson")


def collect(s3: Any, parts: list[dict]) -> Report:
    """Return the report on parts, in their order. A result of another range or version of the
    object counts as missing.
    """
    report, lines = Report(), 0
    outputs = [part["output"] for part in parts]
    with ThreadPoolExecutor(READERS) as pool:
        for part, head in zip(parts, pool.map(lambda output: _head(s3, output), outputs)):
            noted = head["Metadata"] if head else {}
            wanted = (f"{part['start']}-{part['end']}", part["etag"])
            # Also if a call of an earlier job, which went on after Ctrl-C, wrote the object.
            if (noted.get("bytes"), noted.get("etag")) != wanted:
                report.missing.append(part["output"])
                continue
            counts = {
                name: int(noted[name])
                for name in ("lines", "rows", "scored", "refused", "milliseconds")
            }
            report.parts += 1
            report.rows += counts["rows"]
            report.scored += counts["scored"]
            report.refused += counts["refused"]
            report.seconds += counts["milliseconds"] / 1000
            if counts["refused"]:
                report.refusals.append((lines, refused_of(part["output"])))
            lines += counts["lines"]
    return report


def _head(s3: Any, url: str) -> dict | None:
    try:
        return s3.head_object(**address_of(url))
    except errors.ClientError as error:
        if code_of(error) in ("404", "NoSuchKey"):
            return None
        raise
