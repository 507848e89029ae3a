"""Requests for image models: what they may be, the images that they lead to, and the form of the
answers.
"""

from __future__ import annotations

import binascii
import time

from shared.serving.errors import InvalidInput, kind_of, unknown_keys
from shared.serving.images import decode, download
from shared.serving.logs import timed

MOST_IMAGES = 16  # in one request; the memory that a run of the model takes grows with each
KEYS = ("url", "image", "images")


def images_of(request: object, size: tuple[int, int]) -> list:
    """The images of a request, as Pillow's RGB images of exactly size, (width, height) in pixels.

    request: {"url": "https://…"}, {"image": "<base64>"} or {"images": [{"url": …}, {"image": …},
        …]}.
        Where an image was the body of an HTTP request, `image` is its bytes.
    Raises InvalidInput for all that is wrong with the request's form, else for every image that
    cannot be had or decoded.
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
    # All images of a request share the time, so that no list of slow ones can use up the function's
    # timeout.
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


def labeled(probabilities: list[float], labels: list[str]) -> dict:
    """The answer for one image: the most probable label, its probability, and that of every
    label.
    """
    probability, label = max(zip(probabilities, labels), key=lambda pair: pair[0])
    return {
        "label": label,
        "probability": probability,
        "probabilities": dict(zip(labels, probabilities)),
    }


def _listed(request: object) -> tuple[list, list[tuple]]:
    """What should be {"url": …} or {"image": …} each, and the path of each in the request."""
    if not isinstance(request, dict):
        raise InvalidInput(
            ((), f"must be an object with url, image or images, not {kind_of(request)}")
        )
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
        raise InvalidInput(
            (("images",), f"has {len(items)} images, more than {MOST_IMAGES}"), status=413
        )
    return items, [("images", index) for index in range(len(items))]


def _source(item: object, path: tuple) -> tuple[str, str | bytes]:
    """The one key of {"url": …} or {"image": …}, and the URL as text or the image as bytes."""
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
        raise InvalidInput(
            (path, "must be the base64 part of the data: URL alone, what follows its comma")
        )
    try:
        return key, binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        raise InvalidInput(
            (path, "must be base64: A-Z, a-z, 0-9, + and /, padded with =, without line breaks")
        ) from None


def _image(value: str | bytes, size: tuple[int, int], deadline: float):
    """The image at a URL, or of a file's bytes."""
    if time.monotonic() >= deadline:
        raise InvalidInput(
            (
                (),
                f"was not reached: the images of a request have {download.TOTAL_SECONDS:g} seconds",
            ),
            status=422,
        )
    if isinstance(value, str):
        with timed("fetch"):
            value = download.fetched(value, deadline)
    with timed("decode"):
        return decode.decoded(value, size)
