"""A client for S3 that keeps objects in memory, with as much of boto3's as the serving code uses."""

import io

from botocore.exceptions import ClientError


class FakeS3:
    class exceptions:
        ClientError = ClientError

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.metadata: dict[str, dict] = {}
        self.reads = 0

    def head_object(self, Bucket, Key):
        return {"ContentLength": len(self.objects[f"{Bucket}/{Key}"])}

    def get_object(self, Bucket, Key, Range=None):
        self.reads += 1
        body = self.objects[f"{Bucket}/{Key}"]
        if Range:
            start, end = map(int, Range.removeprefix("bytes=").split("-"))
            if start >= len(body):
                raise ClientError({"Error": {"Code": "InvalidRange"}}, "GetObject")
            body = body[start : end + 1]
        return {"Body": io.BytesIO(body)}

    def put_object(self, Bucket, Key, Body, ContentType, Metadata):
        self.objects[f"{Bucket}/{Key}"] = Body
        self.metadata[f"{Bucket}/{Key}"] = Metadata
