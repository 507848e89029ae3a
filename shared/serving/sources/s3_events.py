"""Objects in S3: scored when they arrive, and parts of large ones scored for a bulk job.

boto3 is imported when the first object comes: AWS's base image has it, and other callers need not
    wait for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

from shared.serving import logs
from shared.serving.errors import InvalidInput, kind_of
from shared.serving.sources import bulk
from shared.serving.sources.byte_ranges import Source, blocks, line_from
from shared.serving.sources.results import Results, refused_of, write
from shared.serving.sources.row_files import lines_of, reader_of

MOST_BYTES = (
    32 * 1024 * 1024
)  # of one object, or of one part: more would take too long, not too much memory
LONGEST_KEY = 1024  # bytes, by S3
IMAGES = (".jpg", ".jpeg", ".png", ".webp")

_client = None


def score_objects(event: dict, predict: Callable, metadata: dict, many: str | None) -> dict:
    """Scores the objects that an event of S3 names, its own or EventBridge's, each into one under
    RESULTS_PREFIX.

    Raises InvalidInput for an object that cannot be scored: Lambda then tries again, and hands the
        event to the failures.
    """
    results, problem = [], None
    for bucket, key in _objects(event):
        prefix = os.environ.get("RESULTS_PREFIX", "results/")
        if key.startswith(prefix):  # our own: to score it would never end
            continue
        try:
            with logs.timed("fetch"):
                head = client().head_object(Bucket=bucket, Key=key)
            size = head["ContentLength"]
            if key.lower().endswith(IMAGES):
                results.append(_score_image(bucket, key, size, prefix, predict))
            else:
                output = f"s3://{bucket}/{prefix}{key}.jsonl"
                part = {
                    "bucket": bucket,
                    "key": key,
                    "start": 0,
                    "end": size,
                    "output": output,
                    "etag": head["ETag"],
                }
                results.append(score_part({"score": part}, predict, metadata, many))
        except InvalidInput as refusal:  # the other objects of this event need not wait for it
            problem = problem or refusal
    if problem:
        raise problem
    return {"results": results}


def score_part(event: dict, predict: Callable, metadata: dict, many: str | None) -> dict:
    """Scores the lines of an object that begin in [start, end), into the object `output`: the same
    each time.

    event: {"score": {"bucket", "key", "start", "end", "output"}}; start and end in bytes, output as
        s3://bucket/key. It may
    have `etag`, of the version that must be read, and `fresh`: true where nothing of an earlier run
    is at `output`.
    Refused rows are also written beside it, to ….refused.ndjson, each with the number of its line
    in this part, from 1. Where
    no row is refused there is no such object, and one of an earlier run is deleted.
    Returns the numbers of lines, of rows, and of those that were scored and refused. The object's
    metadata has them too,
    and the milliseconds that it took, the range of bytes, and the version that was read.
    Raises InvalidInput for a part that is not described like this, is too large, or of a file
    without the right columns.
    """
    part = _checked(event["score"])
    source = Source(client(), part["bucket"], part["key"], part.get("etag"))
    start, end = part["start"], part["end"]
    with Results() as results:
        with logs.timed("fetch"):
            read = reader_of(
                part["key"],
                lambda: line_from(source, 0),
                metadata["input_schema"] if many else None,
            )
        reserved = bulk.reserved_names(predict, many, metadata["input_schema"])
        for lines in _batches(source, start, end):
            head: list = []  # blank to the results: a CSV's header is a line, and no row
            if start == 0 and results.lines == 0:
                if part["key"].lower().endswith(".csv"):
                    head = [None]
                lines[0] = (
                    lines[0].removeprefix("\ufeff") if isinstance(lines[0], str) else lines[0]
                )
            results.add(head + bulk.score(read(lines[len(head) :]), predict, many, reserved))
        counts = results.counts()
        logs.count("refused", counts["refused"])
        results.write(
            client(),
            part["output"],
            part.get("fresh", False),
            bytes=f"{start}-{end}",
            etag=source.etag or "-",
        )
    return {**counts, "output": part["output"]}


def _batches(source: Source, start: int, end: int) -> Iterator[list]:
    """The lines that begin in a range of bytes, at most bulk.BATCH at a time."""
    slices = blocks(source, start, end)
    while True:
        with logs.timed("fetch"):
            block = next(slices, b"")
        if not block:
            return
        lines = lines_of(block)
        for at in range(0, len(lines), bulk.BATCH):
            yield lines[at : at + bulk.BATCH]


def client():
    """boto3's client for S3."""
    global _client
    if _client is None:
        import boto3
        from botocore.config import Config

        # A local AWS has no names such as bucket.s3.…: the bucket is part of the path there.
        path = (
            Config(s3={"addressing_style": "path"}) if os.environ.get("AWS_ENDPOINT_URL") else None
        )
        _client = boto3.client("s3", config=path)
    return _client


def _objects(event: dict) -> list[tuple[str, str]]:
    """Bucket and key of each object that an event names."""
    if "detail" in event:
        return [(event["detail"]["bucket"]["name"], event["detail"]["object"]["key"])]
    return [
        (record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"]))
        for record in event["Records"]
    ]


def _score_image(bucket: str, key: str, size: int, prefix: str, predict: Callable) -> dict:
    if size > MOST_BYTES:
        raise InvalidInput(((), f"has {size:,} bytes, more than {MOST_BYTES:,}"), status=413)
    with logs.timed("fetch"):
        image = client().get_object(Bucket=bucket, Key=key)["Body"].read()
    answer = predict({"image": image})
    output = f"s3://{bucket}/{prefix}{key}.json"
    write(
        client(), output, (json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n").encode()
    )
    return {"output": output}


def _checked(part: object) -> dict:
    """A part of an object, as score_part describes it. Raises InvalidInput before any work is
    done.
    """
    if not isinstance(part, dict):
        raise InvalidInput((("score",), f"must be an object, not {kind_of(part)}"))
    types: dict[str, tuple[type, ...]] = dict.fromkeys(("bucket", "key", "output"), (str,))
    types |= {
        "start": (int,),
        "end": (int,),
        "etag": (str, type(None)),
        "fresh": (bool, type(None)),
    }
    names = {str: "text", int: "a whole number", bool: "true or false"}
    problems: list[tuple] = [
        (("score", name), f"must be {names[kinds[0]]}")
        for name, kinds in types.items()
        if type(part.get(name)) not in kinds
    ]
    if problems:
        raise InvalidInput(*problems)
    if not 0 <= part["start"] <= part["end"]:
        problems.append((("score", "start"), "must be between 0 and end"))
    if part["end"] - part["start"] > MOST_BYTES:
        problems.append(
            (
                ("score",),
                f"has more than {MOST_BYTES:,} bytes: use make score, which cuts it into parts",
            )
        )
    if problem := _output_problem(part):
        problems.append((("score", "output"), problem))
    if problems:
        raise InvalidInput(*problems)
    return part


def _output_problem(part: dict) -> str | None:
    """Why the result cannot be written where it should be."""
    scheme, _, address = part["output"].partition("s3://")
    bucket, _, key = address.partition("/")
    if scheme or not bucket or not key:
        return "must be an address in S3 such as s3://bucket/folder/part.jsonl"
    try:
        too_long = len(refused_of(key).encode()) > LONGEST_KEY
    except UnicodeEncodeError:
        return "must be text without lone surrogates"
    if too_long:
        return (
            f"has too long a key: with what is added for refused rows, S3 takes {LONGEST_KEY:,} "
            "bytes"
        )
    return (
        "must not be the object that is scored"
        if (bucket, key) == (part["bucket"], part["key"])
        else None
    )
