"""Limits of an image file: on its structure before Pillow reads it, and on its memory before and
while Pillow decodes it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput

if TYPE_CHECKING:
    from typing import Any

MOST_BYTES = 10_000_000
MOST_PIXELS = 50_000_000
MOST_SIDE = 30_000  # pixels; decoders hold whole rows, and compute in blocks of 32 columns or rows
# JPEG segments before the pixels, or PNG chunks other than pixels; the XMP data of Photoshop takes
# up to 150. Pillow reads each in Python, in microseconds; 10 MB have room for 2,400,000 of them.
MOST_PARTS = 300
MOST_PIXEL_CHUNKS = 20_000  # of a PNG; encoders write 4,096 bytes and more into each
MOST_SKIPPED = 65_536  # bytes between the segments of a JPEG
MOST_SCANS = 50  # of a JPEG: each is a pass over all pixels, and 10 MB have room for 100,000
BASE_MB = 128  # what the function uses beside the decoding of an image
RESERVE_MB = 32  # what other processes of the function use: on this machine, the emulator

MARKER = re.compile(rb"\xff([\x01-\xfe])")
# Markers that Pillow takes for whole segments.
WITHOUT_LENGTH = {0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}
START_OF_SCAN = 0xDA
PIXEL_CHUNKS = (b"IDAT", b"fdAT", b"fcTL")


def refusal(reason: str) -> InvalidInput:
    """Return the error for an image that cannot be decoded here."""
    return InvalidInput(((), reason), status=422)


def check_structure(kind: str, data: bytes) -> int:
    """Refuse a JPEG or PNG with too many parts. Returns the offset of the first scan of a JPEG, or
    0.
    """
    if kind == "JPEG":
        return _first_scan(data)
    if kind == "PNG":
        _check_chunks(data)
    return 0


def check_size(image: Any) -> None:
    """Refuse an opened Pillow image of more than MOST_PIXELS, or with a side of more than MOST_SIDE
    pixels.
    """
    if image.width * image.height > MOST_PIXELS:
        raise refusal(f"has more than {MOST_PIXELS // 1_000_000} million pixels")
    if max(image.size) > MOST_SIDE:
        raise refusal(f"has a side of more than {MOST_SIDE:,} pixels")


def check_memory(image: Any, size: tuple[int, int], data: bytes, first_scan: int) -> None:
    """Refuse an image that does not fit into the function's memory: Lambda would kill the function,
    and the caller would get a 502.

    image: opened, and to be decoded at its present size.
    size: (width, height) of the file, in pixels.
    The bytes for each pixel are the peak of Pillow 13, measured; those for the coefficients are
    from libjpeg's jdcoefct.c (jinit_d_coef_controller).
    """
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    pixels = size[0] * size[1]
    each = 4 if image.mode in ("L", "RGB", "CMYK", "P", "RGBA", "LA") else 5
    needed = each * image.width * image.height
    if image.format == "WEBP":
        needed = 17 * pixels  # two canvases, a copy and the image
    elif image.format == "JPEG":
        # With several scans, all coefficients are kept.
        if "progressive" in image.info or data[first_scan + 4] < image.layers:
            if data.count(b"\xff\xda", first_scan) > MOST_SCANS:
                raise refusal(f"is a JPEG of more than {MOST_SCANS} scans")
            needed += 2 * image.layers * _rounded(size[0]) * _rounded(size[1])
    elif image.mode == "P" or image.has_transparency_data:
        needed *= 2 if image.mode == "RGBA" else 3  # as RGBA, and as RGBa, weighted by opacity
    if memory and needed > (int(memory) - BASE_MB) * 2**20:
        raise refusal(
            f"has {pixels / 1e6:.0f} million pixels, more than fit into this function's memory: "
            "send a smaller copy"
        )


@contextmanager
def limited_memory() -> Iterator[None]:
    """Make allocations beyond the function's memory fail: no header tells the size of everything,
    such as the Huffman codes of a WebP.

    A decoder turns that into an exception; Lambda would kill the function. On Linux alone.
    """
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    if not memory or sys.platform != "linux":
        yield
        return
    import resource

    with open("/proc/self/statm") as statm:
        mapped, resident = (
            int(pages) * resource.getpagesize() for pages in statm.read().split()[:2]
        )
    before = resource.getrlimit(resource.RLIMIT_AS)
    # The limit counts addresses, so those that are mapped and not resident are added.
    allowed = mapped - resident + (int(memory) - RESERVE_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (max(allowed, mapped), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _first_scan(data: bytes) -> int:
    """Return the offset of the first scan of a JPEG, found as Pillow does; the size of the file if
    there is none.
    """
    at, skipped = 2, 0
    for _ in range(MOST_PARTS + 1):
        found = MARKER.search(data, at)
        if not found:
            return len(data)
        skipped += found.start() - at
        if skipped > MOST_SKIPPED:
            break
        marker = found[1][0]
        if marker == START_OF_SCAN:
            return found.start()
        at = found.end()
        if marker not in WITHOUT_LENGTH:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    raise refusal(f"is a JPEG of more than {MOST_PARTS} segments before its pixels")


def _check_chunks(data: bytes) -> None:
    at, parts, pixels = 8, 0, 0
    while at < len(data):
        if data[at + 4 : at + 8] in PIXEL_CHUNKS:
            pixels += 1
        else:
            parts += 1
        if parts > MOST_PARTS or pixels > MOST_PIXEL_CHUNKS:
            others = f"or {MOST_PARTS} others"
            raise refusal(f"is a PNG of more than {MOST_PIXEL_CHUNKS:,} chunks of pixels, {others}")
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _rounded(side: int) -> int:
    """Return a side in whole blocks of up to 4 x 8 pixels."""
    return -(-side // 32) * 32
