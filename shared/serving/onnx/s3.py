"""Download the model file that a version of the function names, from S3.

Imported only for such a model. The request is signed here, because boto3 takes longer to import
than these modules: docs/models-in-s3.md has the figures.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
from urllib.parse import quote, urlsplit

from shared.serving import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

FOLDER = "/tmp"  # noqa: S108 - Lambda's, which belongs to this function alone
MOST_BYTES = 500_000_000  # /tmp has 512 MB
STALL_SECONDS = 3.0  # for the connection, and for each of the reads
TOTAL_SECONDS = 9.0  # Lambda stops an initialization after 10 s, without a reason in the log
BLOCK = 1 << 18  # bytes
EMPTY = hashlib.sha256().hexdigest()  # of the body of a GET


class DownloadFailed(Exception):
    """A model that cannot be read from S3, or whose content is not the one that the URL names."""

    def __init__(self, url: str, reason: str):
        super().__init__(f"the model {url} cannot be used: {reason}")


def download(url: str) -> str:
    """Download a model file, and return its path in /tmp.

    url: s3://bucket/…/<sha256>.onnx, with the SHA-256 that the content must have.
    Raises DownloadFailed.
    """
    began = time.monotonic()
    bucket, _, key = url.removeprefix("s3://").partition("/")
    name = key.rpartition("/")[2]
    path = os.path.join(FOLDER, name)
    try:
        connection, response = _get(bucket, key)
        try:
            if response.status != 200:
                raise DownloadFailed(url, _refusal(response))
            with open(path, "wb") as file:
                size, digest = _copy(response, file, began + TOTAL_SECONDS)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DownloadFailed(url, cause) from error
    if f"{digest}.onnx" != name:
        raise DownloadFailed(url, f"its content has the SHA-256 {digest}")
    line = {"level": "INFO", "message": "the model was read from S3", "model_url": url}
    fetch_ms = round((time.monotonic() - began) * 1000, 3)
    print(json.dumps({**line, "bytes": size, "fetch_ms": fetch_ms}), flush=True)
    return path


def signed_headers(
    host: str, path: str, region: str, credentials: tuple[str, str, str], now: str
) -> dict[str, str]:
    """Return the headers of a GET from S3, signed with AWS Signature Version 4.

    path: percent-encoded. credentials: access key, secret key, session token or "".
    now: the time in UTC, such as 20261125T020000Z.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    access_key, secret_key, token = credentials
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": now}
    headers |= {"x-amz-security-token": token} if token else {}
    names = ";".join(headers)  # they are in order
    lines = [f"{key}:{value}" for key, value in headers.items()]
    request = "\n".join(["GET", path, "", *lines, "", names, EMPTY])
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
    digest = f"AWS4{secret_key}".encode()
    for part in [*scope.split("/"), text]:
        digest = hmac.digest(digest, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},"
        f"Signature={digest.hex()}"
    )
    return headers


def _get(bucket: str, key: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Send the request. Redirects are not followed: they would lead to another region."""
    region, path = os.environ["AWS_REGION"], quote(f"/{key}")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:  # a local AWS has no names such as bucket.s3.…: the bucket is part of the path
        scheme, host, path = *urlsplit(endpoint)[:2], f"/{bucket}{path}"
    else:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        scheme, host = "https", f"{bucket}.s3.{region}.{suffix}"
    kind = http.client.HTTPConnection if scheme == "http" else http.client.HTTPSConnection
    connection = kind(host, timeout=STALL_SECONDS)
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    connection.request("GET", path, headers=signed_headers(host, path, region, _keys(), now))
    return connection, connection.getresponse()


def _keys() -> tuple[str, str, str]:
    """Return access key, secret key and session token of the execution role."""
    if access_key := os.environ.get("AWS_ACCESS_KEY_ID"):
        secret_key = os.environ["AWS_SECRET_ACCESS_KEY"]
        return access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN", "")
    # With SnapStart, Lambda gives them at an address of the execution environment instead.
    _, host, path, *_ = urlsplit(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    connection = http.client.HTTPConnection(host, timeout=STALL_SECONDS)
    try:
        token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        connection.request("GET", path, headers={"Authorization": token})
        found = json.load(connection.getresponse())
    finally:
        connection.close()
    return found["AccessKeyId"], found["SecretAccessKey"], found["Token"]


def _copy(response: http.client.HTTPResponse, file: BinaryIO, deadline: float) -> tuple[int, str]:
    """Write the body to a file. Returns its number of bytes and its SHA-256.

    Raises ValueError for a body that is too long or too short, and OSError.
    """
    if response.length is None or response.length > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES // 1_000_000} MB, or gives no length")
    expected, size, digest = response.length, 0, hashlib.sha256()
    while block := response.read1(BLOCK):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {TOTAL_SECONDS:g} s, only {size:,} bytes have come")
        digest.update(block)
        size += file.write(block)
    if size < expected:
        raise ValueError(f"only {size:,} of its {expected:,} bytes have come")
    return size, digest.hexdigest()


def _refusal(response: http.client.HTTPResponse) -> str:
    """Return why S3 does not give the object, and what to do."""
    code = response.read(4096).decode(errors="replace").partition("<Code>")[2].partition("<")[0]
    refused = f"S3 responds with status {response.status} {code or response.reason}"
    if response.status in (403, 404):  # 403 can mean a missing object too
        return f"{refused}: it is not there, or the role may not read it; run `make publish` again"
    if response.status in (301, 307, 400):
        return f"{refused}: the bucket must be in the function's region"
    return refused
