"""Files of a bulk job in S3: addresses, parts, and the results of an earlier job."""

from __future__ import annotations

import re
from typing import Any

import botocore.exceptions as errors

from scripts.aws.account import code_of
from scripts.project import Project
from shared.errors import UserError

FORMATS = (".csv", ".jsonl")
# Names of the objects that a job writes.
OURS = re.compile(r"part-\d{5,}(\.refused)?\.(jsonl|ndjson)|refused\.jsonl|manifest\.json")


def location(url: str, what: str, example: str) -> tuple[str, str]:
    """Return bucket and key of s3://bucket/key. Raises UserError for anything else."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key.strip("/"):
        raise UserError(f"{what}={url} is not an address in S3 such as s3://bucket/{example}")
    return bucket, key


def parts_of(bucket: str, key: str, head: dict, output: str, most: int) -> list[dict]:
    """Return the parts of an object, as the function takes them. It moves their ends to line ends.

    head: S3's description of the object. All parts are of this version of it.
    most: bytes of a part.
    """
    size = head["ContentLength"]
    same = {"bucket": bucket, "key": key, "etag": head["ETag"], "fresh": True}
    return [
        {
            **same,
            "start": start,
            "end": min(start + most, size),
            "output": f"{output}/part-{at:05}.jsonl",
        }
        for at, start in enumerate(range(0, size, most))
    ]


def is_ours(key: str, folder: str) -> bool:
    """Return whether a job that writes into a folder makes an object of this key."""
    return bool(OURS.fullmatch(key.removeprefix(f"{folder}/"))) and key.startswith(f"{folder}/")


def clear(s3: Any, bucket: str, folder: str) -> None:
    """Delete the objects that an earlier job wrote into a folder, and nothing else.

    Raises UserError if one cannot be deleted.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
    for page in pages:
        keys = [item["Key"] for item in page.get("Contents", []) if is_ours(item["Key"], folder)]
        if not keys:
            continue
        old = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        if failed := s3.delete_objects(Bucket=bucket, Delete=old).get("Errors"):
            raise UserError(
                f"s3://{bucket}/{failed[0]['Key']} of an earlier job cannot be deleted: "
                f"{failed[0]['Message']}"
            )


def require_allowed(parameters: dict[str, str], project: Project, *buckets: str) -> None:
    """Raise UserError if the function may not use a bucket."""
    allowed = parameters.get("DataObjects", "").split(",")
    for bucket in buckets:
        if not any(arn.endswith(f":::{bucket}/*") for arn in allowed):
            raise UserError(
                f'the function may not use the bucket {bucket}: add data_buckets = ["{bucket}"] to '
                f"{project.name}/function.toml (or bucket = true for the project's own bucket), "
                "then run `make deploy`"
            )


def head_of(s3: Any, bucket: str, key: str) -> dict:
    """Return S3's description of an object. Raises UserError if there is none, or it is empty."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except errors.ClientError as error:
        if code_of(error) in ("404", "NoSuchKey", "NoSuchBucket", "NotFound"):
            raise UserError(
                f"there is no s3://{bucket}/{key}: check INPUT, and AWS_REGION"
            ) from None
        raise
    if not head["ContentLength"]:
        raise UserError(f"s3://{bucket}/{key} is empty")
    return head
