"""A client of S3 that keeps objects in memory, with the part of boto3's interface in use here."""

import datetime
import functools
import hashlib
import io

from botocore.exceptions import ClientError


class FakeS3:
    """Objects in memory, and a record of the reads."""

    class exceptions:
        ClientError = ClientError

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.metadata: dict[str, dict] = {}
        self.reads: list[str | None] = []  # the ranges that were asked for
        self.bytes_read = 0

    def _body(self, Bucket, Key):
        try:
            return self.objects[f"{Bucket}/{Key}"]
        except KeyError:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject") from None

    def head_object(self, Bucket, Key):
        body = self._body(Bucket, Key)
        now = datetime.datetime.now(datetime.UTC)
        metadata = self.metadata.get(f"{Bucket}/{Key}", {})
        return {
            "ContentLength": len(body),
            "ETag": etag(body),
            "Metadata": metadata,
            "LastModified": now,
        }

    def get_object(self, Bucket, Key, Range=None, IfMatch=None):
        self.reads.append(Range)
        body = self._body(Bucket, Key)
        answer = {"ETag": etag(body)}
        if IfMatch not in (None, answer["ETag"]):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        if Range:
            start, end = map(int, Range.removeprefix("bytes=").split("-"))
            if start >= len(body):
                raise ClientError({"Error": {"Code": "InvalidRange"}}, "GetObject")
            answer["ContentRange"] = f"bytes {start}-{min(end, len(body) - 1)}/{len(body)}"
            body = body[start : end + 1]
        self.bytes_read += len(body)
        return {**answer, "Body": io.BytesIO(body)}

    def put_object(self, Bucket, Key, Body, ContentType, Metadata=None):
        self.objects[f"{Bucket}/{Key}"] = Body if isinstance(Body, bytes) else Body.read()
        self.metadata[f"{Bucket}/{Key}"] = Metadata or {}

    def delete_objects(self, Bucket, Delete):
        for item in Delete["Objects"]:
            self.objects.pop(f"{Bucket}/{item['Key']}", None)
        return {}

    def delete_object(self, Bucket, Key):
        self.objects.pop(f"{Bucket}/{Key}", None)

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket, Prefix):
        found = [
            key.removeprefix(f"{Bucket}/")
            for key in sorted(self.objects)
            if key.startswith(f"{Bucket}/{Prefix}")
        ]
        for at in range(0, len(found), 2):  # pages
            yield {"Contents": [{"Key": key} for key in found[at : at + 2]]}
        if not found:
            yield {}


@functools.lru_cache(maxsize=8)  # a file is read in many pieces
def etag(body):
    """Return the ETag that S3 gives an object of one part."""
    return f'"{hashlib.md5(body).hexdigest()}"'
