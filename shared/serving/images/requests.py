"""Requests of image models: validate them, get their images, and form the predictions."""

from __future__ import annotations

import binascii
import time

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput, kind_of, unknown_keys
from shared.serving.images import decode, download
from shared.serving.logs import timed

if TYPE_CHECKING:
    from typing import Any

MOST_IMAGES = 16  # in one request; the memory that a run of the model takes grows with each
KEYS = ("url", "image", "images")


def images_of(request: object, size: tuple[int, int]) -> list:
    """Return the images of a request as Pillow RGB images of exactly size, (width, height) pixels.

    request: {"url": "https://…"}, {"image": "<base64>"} or {"images": [{"url": …}, …]}. The image
        in the body of an HTTP request arrives as bytes.
    Raises InvalidInput for all that is wrong with the request's form, or else for each image that
    cannot be downloaded or decoded.
    """
    items, paths = _listed(request)
    sources, statuses = [], [400]
    problems: list[tuple] = []
    for item, path in zip(items, paths):
        try:
            sources.append(_source(item, path))
        except InvalidInput as refusal:
            problems += refusal.problems
    if problems:
        raise InvalidInput(*problems)
    # All images of a request share the time: a list of slow ones must not use up the timeout.
    deadline = time.monotonic() + download.TOTAL_SECONDS
    taken = []
    for (key, value), path in zip(sources, paths):
        try:
            taken.append(_image(value, size, deadline))
        except InvalidInput as refusal:
            problems += [((*path, key), reason) for _, reason in refusal.problems]
            statuses.append(refusal.status)
    if problems:
        raise InvalidInput(*problems, status=max(statuses))
    return taken


def _listed(request: object) -> tuple[list, list[tuple]]:
    """Return the items of a request, of any type each, and the path of each in the request."""
    if not isinstance(request, dict):
        reason = f"must be an object with url, image or images, not {kind_of(request)}"
        raise InvalidInput(((), reason))
    if not request.keys() <= set(KEYS):
        raise unknown_keys(request, KEYS)
    if len(request) != 1:
        raise InvalidInput(((), "must have either url, image or images"))
    if "images" not in request:
        return [request], [()]
    items = request["images"]
    if not isinstance(items, list) or not items:
        raise InvalidInput((("images",), "must be a list with at least one image"))
    if len(items) > MOST_IMAGES:
        reason = f"has {len(items)} images, more than {MOST_IMAGES}"
        raise InvalidInput((("images",), reason), status=413)
    return items, [("images", index) for index in range(len(items))]


def _source(item: object, path: tuple) -> tuple[str, str | bytes]:
    """Return the key of {"url": …} or {"image": …}, and the URL as text or the image as bytes."""
    if not isinstance(item, dict):
        raise InvalidInput((path, f"must be an object with url or image, not {kind_of(item)}"))
    if len(item) != 1 or not item.keys() <= {"url", "image"}:
        raise InvalidInput((path, "must have either url or image, and nothing else"))
    [(key, value)] = item.items()
    path = (*path, key)
    if key == "image" and isinstance(value, bytes):
        return key, value
    if not isinstance(value, str):
        raise InvalidInput((path, f"must be text, not {kind_of(value)}"))
    if key == "url":
        return key, value
    if value[:5].lower() == "data:":
        reason = "must be the base64 part of the data: URL alone, what follows its comma"
        raise InvalidInput((path, reason))
    try:
        return key, binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        reason = "must be base64: A-Z, a-z, 0-9, + and /, padded with =, without line breaks"
        raise InvalidInput((path, reason)) from None


def _image(value: str | bytes, size: tuple[int, int], deadline: float) -> Any:
    """Return the image at a URL, or in a file's bytes."""
    if time.monotonic() >= deadline:
        seconds = f"{download.TOTAL_SECONDS:g} seconds"
        reason = f"was not reached: the images of a request have {seconds}"
        raise InvalidInput(((), reason), status=422)
    if isinstance(value, str):
        with timed("fetch"):
            value = download.download_image(value, deadline)
    with timed("decode"):
        return decode.decode_image(value, size)
