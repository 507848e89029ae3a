"""Score objects in S3: new ones, and parts of large ones for a bulk job.

This module and boto3 are imported with the first object: AWS's base image has boto3, and the
callers of other sources need not wait for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from shared.serving import TYPE_CHECKING, logs
from shared.serving.errors import InvalidInput
from shared.serving.sources import bulk, parts
from shared.serving.sources.byte_ranges import Source, blocks, line_from
from shared.serving.sources.parts import MOST_BYTES
from shared.serving.sources.results import Results, write
from shared.serving.sources.row_files import reader_of
from shared.serving.sources.text_lines import lines_of

if TYPE_CHECKING:
    from typing import Any

    from shared.serving.app import Service

IMAGES = (".jpg", ".jpeg", ".png", ".webp")

_client = None


def score_objects(objects: list[tuple[str, str]], service: Service) -> dict:
    """Score objects, (bucket, key) each, into an object each under RESULTS_PREFIX.

    Raises InvalidInput if one cannot be scored: Lambda then tries again, and at last hands the
    event to the on-failure destination.
    """
    results, problem = [], None
    for bucket, key in objects:
        prefix = os.environ.get("RESULTS_PREFIX", "results/")
        if key.startswith(prefix):  # our own: to score it would never end
            continue
        try:
            with logs.timed("fetch"):
                head = client().head_object(Bucket=bucket, Key=key)
            size = head["ContentLength"]
            if key.lower().endswith(IMAGES):
                results.append(_score_image(bucket, key, size, prefix, service))
            else:
                part = {"bucket": bucket, "key": key, "start": 0, "end": size}
                part |= {"output": f"s3://{bucket}/{prefix}{key}.jsonl", "etag": head["ETag"]}
                results.append(score_part(part, service))
        except InvalidInput as refusal:  # the other objects of this event need not wait for it
            problem = problem or refusal
    if problem:
        raise problem
    return {"results": results}


def score_part(part: object, service: Service) -> dict:
    """Score the lines of an object that begin in a range of bytes; the same each time.

    part: {"bucket", "key", "start", "end", "output"}: the range [start, end) in bytes, and the
        result's address as s3://bucket/key. Optional: `etag`, the version that must be read, and
        `fresh`, true if nothing of an earlier run is at `output`.
    Refused rows are also written to ….refused.ndjson beside the result, each with the number of
    its line in this part, from 1. Without refused rows, that object of an earlier run is deleted.
    Returns the numbers of lines and rows, and of the rows scored and refused. The metadata of the
    result has these too, the milliseconds, the range of bytes, and the version that was read.
    Raises InvalidInput for a part that is not described like this or is too large, and for a file
    without the model's columns.
    """
    part = parts.check(part)
    source = Source(client(), part["bucket"], part["key"], part.get("etag"))
    schema = service.metadata["input_schema"] if service.batch_key else None
    with Results() as results:
        with logs.timed("fetch"):
            read = reader_of(part["key"], lambda: line_from(source, 0), schema)
        reserved = bulk.reserved_names(service)
        for lines in _batches(source, part["start"], part["end"]):
            head: list = []  # a CSV's header counts as a line and is not a row, like a blank line
            if part["start"] == 0 and results.lines == 0:
                if part["key"].lower().endswith(".csv"):
                    head = [None]
                if isinstance(lines[0], str):
                    lines[0] = lines[0].removeprefix("\ufeff")
            results.add(head + bulk.score(read(lines[len(head) :]), service, reserved))
        counts = results.counts()
        logs.count("refused", counts["refused"])
        span = f"{part['start']}-{part['end']}"
        fresh = part.get("fresh", False)
        results.write(client(), part["output"], fresh, bytes=span, etag=source.etag or "-")
    return {**counts, "output": part["output"]}


def client() -> Any:
    """Return boto3's client for S3."""
    global _client
    if _client is None:
        import boto3
        from botocore.config import Config

        # A local AWS has no names such as bucket.s3.…: the bucket is part of the path there.
        is_local = bool(os.environ.get("AWS_ENDPOINT_URL"))
        config = Config(s3={"addressing_style": "path"}) if is_local else None
        _client = boto3.client("s3", config=config)
    return _client


def _batches(source: Source, start: int, end: int) -> Iterator[list]:
    """Yield the lines that begin in a range of bytes, at most bulk.BATCH at a time."""
    slices = blocks(source, start, end)
    while True:
        with logs.timed("fetch"):
            block = next(slices, b"")
        if not block:
            return
        lines = lines_of(block)
        for at in range(0, len(lines), bulk.BATCH):
            yield lines[at : at + bulk.BATCH]


def _score_image(bucket: str, key: str, size: int, prefix: str, service: Service) -> dict:
    if size > MOST_BYTES:
        raise InvalidInput(((), f"has {size:,} bytes, more than {MOST_BYTES:,}"), status=413)
    with logs.timed("fetch"):
        image = client().get_object(Bucket=bucket, Key=key)["Body"].read()
    response = service.predict({"image": image})
    text = json.dumps(response, ensure_ascii=False, allow_nan=False)
    output = f"s3://{bucket}/{prefix}{key}.json"
    write(client(), output, f"{text}\n".encode())
    return {"output": output}
