"""Read an object in S3 by slices of whole lines: memory is bounded by a slice, not the object."""

from __future__ import annotations

from collections.abc import Iterator

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput

if TYPE_CHECKING:
    from typing import Any

SLICE = 512 * 1024  # bytes read at a time
STEP = 64 * 1024  # bytes read at a time to find the end of a line, or of the header
LONGEST_LINE = 1024 * 1024  # bytes; a longer line is refused, and never held whole


class Source:
    """One version of an object in S3, read by ranges of bytes.

    client: boto3's for S3.
    etag: the version that must be read; None for the one that the first read finds.
    """

    def __init__(self, client: Any, bucket: str, key: str, etag: str | None = None):
        self.etag = etag
        self._client, self._at = client, {"Bucket": bucket, "Key": key}
        self._size: int | None = None  # unknown before the first read

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes of a range, none beyond the end. Raises InvalidInput if the object was
        replaced since the first read.
        """
        if self._size is not None:
            end = min(end, self._size)
        if start >= end:
            return b""
        version = {"IfMatch": self.etag} if self.etag else {}
        try:
            response = self._client.get_object(
                **self._at, Range=f"bytes={start}-{end - 1}", **version
            )
        except self._client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange" and self._size is None:
                return b""
            if code in ("PreconditionFailed", "412", "InvalidRange"):
                raise InvalidInput(((), "was replaced while it was read: score it again")) from None
            raise
        self.etag = response["ETag"]
        if "ContentRange" in response:
            self._size = int(response["ContentRange"].rpartition("/")[2])
        return response["Body"].read()


def blocks(source: Source, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines that begin in [start, end), whole and in order, a slice of them at a time.

    A line ends with LF. The byte before `start` shows whether a line begins there, so parts fit
    together at any cut. A line longer than LONGEST_LINE is cut one byte after that length.
    """
    at, rest = max(0, start - 1), b""
    inside = start > 0  # a line that begins before the range
    while at < end and (data := source.read(at, min(at + SLICE, end))):
        at += len(data)
        if inside:
            if b"\n" not in data:
                continue
            data, inside = data[data.find(b"\n") + 1 :], False
        if cut := data.rfind(b"\n") + 1:
            yield rest + data[:cut]
            rest = data[cut:]
        else:
            rest = (rest + data)[: LONGEST_LINE + 1]
    if rest:
        yield line_from(source, at, rest)


def line_from(source: Source, at: int, begun: bytes = b"") -> bytes:
    """Return the line that continues at a byte, to its end, cut like those of blocks.

    begun: the part of the line before that byte.
    """
    while len(begun) <= LONGEST_LINE and (more := source.read(at, at + STEP)):
        at += len(more)
        if stop := more.find(b"\n") + 1:
            return begun + more[:stop]
        begun += more
    return begun[: LONGEST_LINE + 1]
