"""Decode a JPEG, PNG or WebP file to the pixels of a model. Training and serving both call this,
so that they see the same image.

This is the only module that imports Pillow. It names the readers of the three types: `Image.open`
would load others first, and would offer hostile bytes to them too. Color profiles are not applied.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO

from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from shared.serving.errors import InvalidInput
from shared.serving.images import limits
from shared.serving.images.limits import refusal

READERS: dict[str, Callable] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
}
TYPES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}

ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Bytes of all texts in a file: Pillow would take 64 MB of the function's memory.
PngImagePlugin.MAX_TEXT_MEMORY = 4_000_000
# It reads EXIF data, and at the level DEBUG it would log what a photo tells about its owner.
TiffImagePlugin.logger.disabled = True


def decode_image(data: bytes, size: tuple[int, int]) -> Image.Image:
    """Return a JPEG, PNG or WebP file as an RGB image of exactly size, (width, height) in pixels.

    Raises InvalidInput with the status 422 for other types, damaged files, and files beyond the
    limits of limits.py.
    """
    kind = type_of(data)
    if len(data) > limits.MOST_BYTES:
        raise refusal(f"has more than {limits.MOST_BYTES // 1_000_000} MB")
    first_scan = limits.check_structure(kind, data)
    with warnings.catch_warnings(), limits.limited_memory():
        warnings.simplefilter("ignore")  # Pillow's, about odd files; they would end up in the log
        try:
            image = READERS[kind](BytesIO(data))
            limits.check_size(image)
            of_file = image.size
            _reduce(image, size)
            limits.check_memory(image, of_file, data, first_scan)
            return resize_image(image, size)
        except InvalidInput:
            raise
        except MemoryError:
            raise refusal("takes more memory than this function has: send a smaller copy") from None
        except Exception:  # Pillow has no base class for what hostile bytes can raise
            raise refusal(
                f"is a {kind} that cannot be decoded: it is damaged or incomplete"
            ) from None


def resize_image(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a Pillow image as an RGB image of exactly size, (width, height) in pixels.

    The image is turned as its EXIF data says, and the whole of it is scaled, smoothly and without
    regard to its proportions. Transparent pixels get a white background. A JPEG that is opened and
    not yet loaded is decoded at a reduced scale, several times faster.
    """
    _reduce(image, size)
    image.load()
    turn = _turn(image)
    # The turn comes last, when there are few pixels, so a quarter turn swaps the sides before it.
    is_quarter = turn is not None and turn >= Image.Transpose.ROTATE_90
    is_quarter = is_quarter and turn != Image.Transpose.ROTATE_180
    sides = size[::-1] if is_quarter else size
    image = _smooth(image).resize(sides, Image.Resampling.BILINEAR, reducing_gap=3.0)
    if image.mode == "RGBa":
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image)
        image = white
    image = image.convert("RGB")
    return image if turn is None else image.transpose(turn)


def type_of(data: bytes) -> str:
    """Return JPEG, PNG or WebP, by the first bytes. Raises InvalidInput for any other type, and
    names it if it is known.
    """
    if not data:
        raise refusal("is empty: it has 0 bytes")
    known = (name for start, name in TYPES.items() if data.startswith(start))
    name = "WebP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else next(known, None)
    if name is None and b"<svg" in data[:1024].lower():
        name = "SVG"
    if name not in READERS:
        raise refusal(
            f"is {'not an image' if name is None else f'of the type {name}'}: JPEG, PNG and WebP "
            "are taken"
        )
    return name


def _reduce(image: Image.Image, size: tuple[int, int]) -> None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, to at least twice the size: resizing still smooths
    it.
    """
    image.draft(None, (2 * max(size), 2 * max(size)))  # square, because it may lie on its side


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # EXIF data is often broken, and the picture is good all the same
        return None


def _smooth(image: Image.Image) -> Image.Image:
    """Return the image in a mode whose values can be averaged: L, RGB, CMYK, or RGBa, in which
    colors are weighted by their opacity.
    """
    if image.mode.startswith("I;16"):  # Pillow would cut 16 bits off at 255
        transparent = image.info.pop("transparency", None)
        image = image.point(lambda value: value * (1 / 256)).convert("L")
        if transparent is not None:
            image.info["transparency"] = transparent >> 8
    if image.has_transparency_data:
        return (image if image.mode == "RGBA" else image.convert("RGBA")).convert("RGBa")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
