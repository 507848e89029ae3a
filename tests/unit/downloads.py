"""Helpers of the tests of downloads."""

import time

import pytest

from shared.serving.errors import InvalidInput
from shared.serving.images import download
from tests.unit.servers import OK

PHOTO = b"\x89PNG\r\n\x1a\n and so on"


HEAD = f"{OK}\r\nContent-Type: image/png\r\n".encode()


def refused(url):
    """The status and reason of a refusal that comes in time and does not give the URL away."""
    start = time.monotonic()
    with pytest.raises(InvalidInput) as refusal:
        download.download_image(url)
    assert time.monotonic() - start < download.TOTAL_SECONDS + 1
    assert not any(len(part) > 5 and part in str(refusal.value) for part in url.split("/")[2:])
    return refusal.value.status, str(refusal.value)
