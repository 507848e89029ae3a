"""Models that are published in S3, each under its SHA-256: upload, list and delete them."""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import botocore.exceptions as errors

from scripts.aws import buckets
from scripts.aws.account import FORBIDDEN, MISSING, Account, code_of
from scripts.aws.alias import Live
from scripts.aws.ecr import TAG
from scripts.local.check_model import require_served
from scripts.project import Project
from shared.errors import UserError
from shared.serving.onnx.s3 import MOST_BYTES


def publish_model(account: Account, project: Project) -> str:
    """Upload the project's model, unless it is there already; return its URL.

    Raises UserError for a model that the handler cannot serve, or that is too large.
    """
    project.metadata()
    with tempfile.TemporaryDirectory() as folder:
        # A copy, as the function gets it: under another name, and with no other file beside it.
        file = Path(shutil.copy(project.model_file, folder))
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256")
        file = file.rename(file.with_name(f"{digest.hexdigest()}.onnx"))
        if file.stat().st_size > MOST_BYTES:
            raise UserError(
                f"{project.model_file.name} has more than {MOST_BYTES // 1_000_000} MB, too much "
                "for /tmp of a function: remove `model` from function.toml, so that it is in the "
                "image"
            )
        require_served(project, file)
        bucket, key = split(f"{project.model_folder}{file.name}")
        client = account.client("s3")
        ensure_bucket(client, account, bucket)
        upload(client, account, file, bucket, key, digest.digest())
    return f"s3://{bucket}/{key}"


def upload(client: Any, account: Account, file: Path, bucket: str, key: str, digest: bytes) -> None:
    """Upload a file, and never overwrite an object. digest: its SHA-256, which S3 checks."""
    where = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": account.id}
    checksum = base64.b64encode(digest).decode()
    try:
        with file.open("rb") as body:
            client.put_object(**where, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum)
        print(f"uploaded s3://{bucket}/{key}", flush=True)
    except errors.ClientError as error:
        if code_of(error) not in ("PreconditionFailed", "412"):
            raise
        there = hashlib.sha256()
        for block in client.get_object(**where)["Body"].iter_chunks(1 << 20):
            there.update(block)
        if there.digest() != digest:
            raise UserError(
                f"s3://{bucket}/{key} has another content than its name says: delete it, then run "
                "the same command again"
            ) from None
        print(f"s3://{bucket}/{key} is there already", flush=True)


def ensure_bucket(client: Any, account: Account, bucket: str) -> None:
    """Create the bucket if it is missing. Raises UserError for one that cannot be used."""
    try:
        found = client.head_bucket(Bucket=bucket, ExpectedBucketOwner=account.id)
    except errors.ClientError as error:
        if code_of(error) in FORBIDDEN:
            raise UserError(
                f"the bucket {bucket} belongs to another account, or you may not use it: name "
                "another one in function.toml"
            ) from None
        if code_of(error) not in MISSING:
            raise
        here = {"LocationConstraint": account.region}
        options = {} if account.region == "us-east-1" else {"CreateBucketConfiguration": here}
        client.create_bucket(Bucket=bucket, **options)
        client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [TAG]})
        print(f"made the bucket {bucket}")
        return
    region = found.get("BucketRegion", account.region)
    if region != account.region:
        raise UserError(
            f"the bucket {bucket} is in {region}, and the function in {account.region}: name one "
            "of the same region in function.toml"
        )


def split(url: str) -> tuple[str, str]:
    """Return bucket and key, or prefix, of an address such as s3://bucket/key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def folder_of(url: str) -> str:
    """Return the folder of a published model, such as s3://bucket/prefix/name/; "" for none."""
    return url[: url.rfind("/") + 1]


def model_of(version: dict) -> str:
    """Return the URL of the model that a version reads, "" if it is in the image."""
    variables = version.get("Environment", {}).get("Variables", {})
    return variables.get("MODEL_PATH", "")


def folders(account: Account, project: Project, stack: dict | None) -> list[str]:
    """Return the folders, such as s3://bucket/prefix/name/, in which the project has its models.

    stack: as CloudFormation describes it. Its versions may use a folder that function.toml named
    before.
    """
    live = Live(account, project.name)
    versions = live.versions().values() if stack and live.version else []
    urls = [project.model_folder, *map(model_of, versions)]
    return sorted({folder_of(url) for url in urls if url})


def listed(account: Account, folder: str) -> list[str]:
    """Return the URLs of all that is in a folder, such as s3://bucket/prefix/name/."""
    bucket, prefix = split(folder)
    pages = account.client("s3").get_paginator("list_objects_v2")
    try:
        found = [
            f"s3://{bucket}/{item['Key']}"
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        ]
    except errors.ClientError as error:
        if code_of(error) not in MISSING:
            raise
        return []
    return found


def delete(account: Account, url: str) -> None:
    """Delete a published model."""
    bucket, key = split(url)
    account.client("s3").delete_object(Bucket=bucket, Key=key)
    print(f"deleted {url}, which no version uses any more")


def delete_folder(account: Account, folder: str) -> None:
    """Delete all models of a folder, and their bucket if these commands made it for no others."""
    bucket, prefix = split(folder)
    buckets.empty(account, bucket, prefix)
    if buckets.is_ours(account, bucket):
        buckets.delete(account, bucket)
