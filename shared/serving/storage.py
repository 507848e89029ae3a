"""Objects in S3: scored when they arrive, and parts of large ones scored for a bulk job.

boto3 is imported when the first object comes: AWS's base image has it, and other callers need not wait for it.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from urllib.parse import unquote_plus

from shared.serving import bulk, logs
from shared.serving.errors import InvalidInput, kind_of
from shared.serving.lines import reader_of

MOST_BYTES = 32 * 1024 * 1024  # of one object, or of one part: it is scored in memory
LONGEST_LINE = 1024 * 1024  # bytes
IMAGES = (".jpg", ".jpeg", ".png", ".webp")

_client = None


def score_objects(event: dict, predict: Callable, metadata: dict, many: str | None) -> dict:
    """Scores the objects that an event of S3 names, its own or EventBridge's, each into one under RESULTS_PREFIX.

    Raises InvalidInput for an object that cannot be scored: Lambda then tries again, and hands the event to the failures.
    """
    results, problem = [], None
    for bucket, key in _objects(event):
        prefix = os.environ.get("RESULTS_PREFIX", "results/")
        if key.startswith(prefix):  # our own: to score it would never end
            continue
        try:
            with logs.span("fetch"):
                size = client().head_object(Bucket=bucket, Key=key)["ContentLength"]
            if key.lower().endswith(IMAGES):
                results.append(_score_image(bucket, key, size, prefix, predict))
            else:
                output = f"s3://{bucket}/{prefix}{key}.jsonl"
                part = {"bucket": bucket, "key": key, "start": 0, "end": size, "output": output}
                results.append(score_part({"score": part}, predict, metadata, many))
        except InvalidInput as refusal:  # the other objects of this event need not wait for it
            problem = problem or refusal
    if problem:
        raise problem
    return {"results": results}


def score_part(event: dict, predict: Callable, metadata: dict, many: str | None) -> dict:
    """Scores the lines of an object that begin in [start, end), into the object `output`: the same each time.

    event: {"score": {"bucket", "key", "start", "end", "output"}}; start and end in bytes, output as s3://bucket/key.
    Refused rows are also written beside it, to ….refused.jsonl, each with the number of its line in this part, from 1.
    Returns the numbers of lines, of rows, and of those that were scored and refused. The object's metadata has them too,
    and the milliseconds that it took.
    Raises InvalidInput for a part that is not described like this, is too large, or of a file without the right columns.
    """
    began = time.perf_counter()
    bucket, key, start, end, output = _part(event["score"])
    with logs.span("fetch"):
        lines = _lines(bucket, key, start, end)
        header = "".join((lines if start == 0 else _lines(bucket, key, 0, 1))[:1])
    rows_of = reader_of(key, header, metadata["input_schema"] if many else None)
    skipped = 1 if start == 0 and key.lower().endswith(".csv") else 0
    rows = list(rows_of(lines[skipped:], 1 + skipped))
    features = set(metadata["input_schema"].get("properties", {}))
    answers, refused = bulk.score(rows, predict, many, features)
    counts = {"lines": len(lines), "rows": len(rows), "scored": len(rows) - len(refused), "refused": len(refused)}
    if refused:
        _write(refused_of(output), "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in refused), {})
    told = {**counts, "milliseconds": math.ceil((time.perf_counter() - began) * 1000)}
    _write(output, "".join(f"{answer}\n" for answer in answers), {name: str(number) for name, number in told.items()})
    return {**counts, "output": output}


def client():
    """boto3's client for S3."""
    global _client
    if _client is None:
        import boto3
        from botocore.config import Config

        # A local AWS has no names such as bucket.s3.…: the bucket is part of the path there.
        path = Config(s3={"addressing_style": "path"}) if os.environ.get("AWS_ENDPOINT_URL") else None
        _client = boto3.client("s3", config=path)
    return _client


def _objects(event: dict) -> list[tuple[str, str]]:
    """Bucket and key of each object that an event names."""
    if "detail" in event:
        return [(event["detail"]["bucket"]["name"], event["detail"]["object"]["key"])]
    return [(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])) for record in event["Records"]]


def _score_image(bucket: str, key: str, size: int, prefix: str, predict: Callable) -> dict:
    if size > MOST_BYTES:
        raise InvalidInput(((), f"has {size:,} bytes, more than {MOST_BYTES:,}"), status=413)
    with logs.span("fetch"):
        image = client().get_object(Bucket=bucket, Key=key)["Body"].read()
    answer = predict({"image": image})
    output = f"s3://{bucket}/{prefix}{key}.json"
    _write(output, json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n", {})
    return {"output": output}


def _part(part: object) -> tuple[str, str, int, int, str]:
    if not isinstance(part, dict):
        raise InvalidInput((("score",), f"must be an object, not {kind_of(part)}"))
    problems: list[tuple] = [
        (("score", name), "must be text") for name in ("bucket", "key", "output") if type(part.get(name)) is not str
    ]
    problems += [(("score", name), "must be a whole number") for name in ("start", "end") if type(part.get(name)) is not int]
    if not problems and not 0 <= part["start"] <= part["end"]:
        problems.append((("score", "start"), "must be between 0 and end"))
    if not problems and part["end"] - part["start"] > MOST_BYTES:
        problems.append((("score",), f"has more than {MOST_BYTES:,} bytes: use make score, which cuts it into parts"))
    if not problems and not part["output"].startswith("s3://"):
        problems.append((("score", "output"), "must begin with s3://"))
    if problems:
        raise InvalidInput(*problems)
    return part["bucket"], part["key"], part["start"], part["end"], part["output"]


def _lines(bucket: str, key: str, start: int, end: int) -> list[str]:
    """The lines that begin in a range of bytes, whole, without their ends. The byte before tells whether one begins at start."""
    if start == end:
        return []
    text = _read(bucket, key, max(0, start - 1), end)
    reach = end
    while not text.endswith(b"\n"):  # the last line goes on beyond the range
        more = _read(bucket, key, reach, reach + 65_536)
        if not more:
            break
        text += more[: more.find(b"\n") + 1] if b"\n" in more else more
        reach += len(more)
        if reach - end > LONGEST_LINE:
            raise InvalidInput(((), f"has a line of more than {LONGEST_LINE:,} bytes"))
    if start > 0:
        text = text[text.find(b"\n") + 1 :] if b"\n" in text else b""
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise InvalidInput(((), "is not UTF-8 text")) from None
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _read(bucket: str, key: str, start: int, end: int) -> bytes:
    """Bytes of an object; none beyond its end."""
    try:
        return client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}")["Body"].read()
    except client().exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":
            return b""
        raise


def _write(output: str, text: str, counts: dict[str, str]) -> None:
    bucket, key = output.removeprefix("s3://").split("/", 1)
    kind = "application/json" if key.endswith(".json") else "application/x-ndjson"
    client().put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=kind, Metadata=counts)


def refused_of(output: str) -> str:
    """The object beside the one with the answers of a part: the rows of it that were refused."""
    return output.removesuffix(".jsonl") + ".refused.jsonl"
