"""Collect the results of a part of a file, and write them to S3 as one object at the end."""

from __future__ import annotations

import json
import math
import tempfile
import time

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput

if TYPE_CHECKING:
    from typing import Any

IN_MEMORY = 4 * 1024 * 1024  # bytes; more is kept in /tmp until it is written
MOST_BYTES = 400 * 1024 * 1024  # what Lambda's /tmp of 512 MB holds


class Results:
    """The lines of a result, and those of the object beside it with the refused rows."""

    def __init__(self) -> None:
        self.lines = self.rows = self.refused = 0
        self._began = time.perf_counter()
        self._answers = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._refusals = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *error: object) -> None:
        self._answers.close()
        self._refusals.close()

    def add(self, scored: list[tuple[str, str] | None]) -> None:
        """Append lines, as bulk.score returns them. Raises InvalidInput if they fill /tmp."""
        rows = [row for row in scored if row]
        refusals = [
            (number, row[1]) for number, row in enumerate(scored, self.lines + 1) if row and row[1]
        ]
        self._answers.write("".join([f"{text}\n" for text, _ in rows]).encode())
        texts = {
            problem: json.dumps(problem, ensure_ascii=False)
            for problem in {problem for _, problem in refusals}
        }
        entries = [
            f'{{"line": {number}, "problem": {texts[problem]}}}\n' for number, problem in refusals
        ]
        self._refusals.write("".join(entries).encode())
        self.lines += len(scored)
        self.rows += len(rows)
        self.refused += len(refusals)
        if self._answers.tell() + self._refusals.tell() > MOST_BYTES:
            most = f"{MOST_BYTES // 1024**2} MB"
            raise InvalidInput(
                ((), f"has results of more than {most}: use make score, which cuts it into parts"),
                status=413,
            )

    def counts(self) -> dict[str, int]:
        """Return the numbers of lines and rows, and of the rows scored and refused."""
        return {
            "lines": self.lines,
            "rows": self.rows,
            "scored": self.rows - self.refused,
            "refused": self.refused,
        }

    def write(self, client: Any, output: str, fresh: bool, **source: object) -> None:
        """Write the refused rows, then the result with metadata: counts, milliseconds, `source`.

        fresh: whether nothing of an earlier run is at `output`. Otherwise the refused rows of that
            run are deleted if there are none now.
        """
        if self.refused:
            self._refusals.seek(0)
            write(client, refused_of(output), self._refusals)
        elif not fresh:
            client.delete_object(**address_of(refused_of(output)))
        self._answers.seek(0)
        noted = {
            **self.counts(),
            "milliseconds": math.ceil((time.perf_counter() - self._began) * 1000),
            **source,
        }
        write(client, output, self._answers, {name: str(value) for name, value in noted.items()})


def write(client: Any, output: str, body: object, metadata: dict[str, str] | None = None) -> None:
    """Write an object. output: s3://bucket/key; body: bytes or a file."""
    kind = "application/json" if output.endswith(".json") else "application/x-ndjson"
    client.put_object(**address_of(output), Body=body, ContentType=kind, Metadata=metadata or {})


def address_of(output: str) -> dict[str, str]:
    """Return bucket and key of s3://bucket/key, as boto3 takes them."""
    bucket, key = output.removeprefix("s3://").split("/", 1)
    return {"Bucket": bucket, "Key": key}


def refused_of(output: str) -> str:
    """Return the object beside a result that has its refused rows. It does not match *.jsonl, as
    results do.
    """
    return output.removesuffix(".jsonl") + ".refused.ndjson"
