"""Put a file into the bucket of a deployed project, and show the object with the results."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from urllib.parse import quote_plus

import botocore.exceptions as errors

from scripts.aws import local_aws
from scripts.aws.account import code_of
from scripts.aws.deployed import Deployed
from shared.errors import UserError
from shared.serving.sources.s3_objects import IMAGES

SUFFIXES = (".csv", ".jsonl", *IMAGES)
SHOWN = 3  # lines of a result


def send(deployed: Deployed, path: Path) -> None:
    """Put a file under input/, wait for its result under results/, and print where that is and how
    it begins.

    A .json file with a request is put as a .jsonl file.
    """
    bucket = deployed.outputs.get("BucketName")
    deployed.require("bucket", bucket, "bucket = true")
    require_reachable(deployed)
    name, data = content(path)
    key = f"input/{name}"
    result = {
        "Bucket": bucket,
        "Key": f"results/{key}{'.json' if name.endswith(IMAGES) else '.jsonl'}",
    }
    s3 = deployed.account.client(
        "s3", **({"s3": {"addressing_style": "path"}} if deployed.account.local else {})
    )
    s3.delete_object(**result)  # of an earlier file of this name
    began = time.time()
    sent = s3.put_object(Bucket=bucket, Key=key, Body=data)
    print(f"put s3://{bucket}/{key}", flush=True)

    def look(lines: list[dict]) -> bytes | None:
        """Return the result object, None while there is none."""
        try:
            return s3.get_object(**result)["Body"].read()
        except errors.ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
        return None

    record = {
        "eventSource": "aws:s3",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}},
    }
    rows = deployed.watch(sent, began, "s3", {"Records": [record]}, look).decode().splitlines()
    print(f"the result is s3://{bucket}/{result['Key']}:", *rows[:SHOWN], sep="\n")
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN:,} more lines")


def require_reachable(deployed: Deployed) -> None:
    """Raise UserError if the function's container cannot read objects of the local AWS."""
    is_on_loopback = deployed.account.local and local_aws.host() == local_aws.LOOPBACK
    if is_on_loopback and sys.platform == "linux":
        raise UserError(
            "functions in containers do not reach the local AWS at 127.0.0.1: "
            "`LOCAL_AWS_HOST=0.0.0.0 make local-aws` starts it again where they, and others on "
            "your network, reach it"
        )


def content(path: Path) -> tuple[str, bytes]:
    """Return the name and the bytes of the object for a file. Raise UserError for a file that the
    function does not score.
    """
    if path.suffix == ".json":
        try:
            rows = rows_of(json.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read as JSON: {error}") from None
        return f"{path.stem}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"EVENT={path} is not scored from a bucket: use .json, {', '.join(SUFFIXES)}, in "
            "lower case"
        )
    return path.name, path.read_bytes()


def rows_of(request: object) -> list:
    """Return the lines of a .jsonl file for a request: its rows, or the request itself for a model
    that takes no rows.
    """
    if isinstance(request, dict) and len(request) == 1:
        [value] = request.values()
        if isinstance(value, dict | list):
            return value if isinstance(value, list) else [value]
    return [request]
