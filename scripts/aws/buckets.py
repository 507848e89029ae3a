"""Empty and delete buckets in S3. Each step does nothing if there is nothing."""

from __future__ import annotations

import botocore.exceptions as errors

from scripts.aws import ecr
from scripts.aws.account import MISSING, Account, code_of


def is_ours(account: Account, bucket: str) -> bool:
    """Return whether the bucket is there, and these commands made it."""
    try:
        tags = account.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    except errors.ClientError as error:
        if code_of(error) not in (*MISSING, "NoSuchTagSet"):
            raise
        return False
    return ecr.TAG in tags


def empty(account: Account, bucket: str, prefix: str = "") -> None:
    """Delete all objects with a prefix, of all versions, and uploads that were never completed."""
    s3 = account.client("s3")
    where = f"{bucket}/{prefix}" if prefix else bucket
    try:
        deleted = 0
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            if keys:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                deleted += len(keys)
                print(f"deleted {deleted:,} objects of {where}", flush=True)
        uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
        for upload in uploads:
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except errors.ClientError as error:
        if code_of(error) not in MISSING:
            raise


def delete(account: Account, bucket: str) -> None:
    """Delete a bucket, unless something else is in it."""
    try:
        account.client("s3").delete_bucket(Bucket=bucket)
        print(f"deleted the bucket {bucket}")
    except errors.ClientError as error:
        if code_of(error) not in (*MISSING, "BucketNotEmpty"):
            raise
