"""Images and expected errors for the tests of decoding."""

import time
import warnings

import pytest
from PIL import Image

from shared.serving.errors import InvalidInput
from shared.serving.images.decode import decode_image
from tests.unit.toy_image import SIZE, scene

UPRIGHT = scene((240, 180))


WANTED = UPRIGHT.resize(SIZE, Image.Resampling.BILINEAR)


def in_mode(mode):
    """The scene in a mode of Pillow's, and what it must look like."""
    if mode == "I;16":
        grey = UPRIGHT.convert("L")
        return Image.frombytes(
            "I;16", grey.size, bytes(byte for value in grey.tobytes() for byte in (0, value))
        ), grey
    if mode == "1":
        return (dithered := UPRIGHT.convert("1")), dithered
    image = UPRIGHT.convert("RGB").convert(mode)
    return image, image.convert("RGB")


def refused(data, size=SIZE):
    """The reason of a refusal that comes at once."""
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInput) as refusal:
            decode_image(data, size)
    assert refusal.value.status == 422 and time.monotonic() - start < 5
    return str(refusal.value)
