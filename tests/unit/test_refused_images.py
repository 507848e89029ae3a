"""Image files that are refused: of other kinds, damaged, or too large."""

import zlib

import pytest
from PIL import Image

from shared.serving.images import limits
from shared.serving.images.decode import decode_image
from tests.unit.toy_image import SIZE, file_of, plain
from tests.unit.toy_image_files import UPRIGHT, refused


def test_the_limits_are_those_of_the_contract():
    assert (limits.MOST_BYTES, limits.MOST_PIXELS) == (10_000_000, 50_000_000)


def gif(frames):
    """Return the bytes of a GIF with a number of frames."""
    return file_of(plain("red"), "GIF", save_all=True, append_images=[plain("blue")] * (frames - 1))


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty: it has 0 bytes"),
        (b"hello", "is not an image: JPEG, PNG and WebP are taken"),
        (b"<html>", "is not an image"),
        (gif(1), "is of the type GIF: JPEG, PNG and WebP are taken"),
        (gif(3), "of the type GIF"),
        (SVG, "of the type SVG"),
        (SVG[21:], "of the type SVG"),
        (file_of(plain("red"), "BMP"), "of the type BMP"),
        (file_of(plain("red"), "TIFF"), "of the type TIFF"),
        (file_of(plain("red"), "PPM"), "is not an image"),
        (b"\xff\xd8\xff", "is a JPEG that cannot be decoded: it is damaged or incomplete"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG that cannot be decoded"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is a WebP that cannot be decoded"),
        (b"\xff\xd8\xff" + b"x" * 10_000_000, "has more than 10 MB"),
    ],
)
def test_what_is_not_taken_is_refused_with_the_reason(data, reason):
    assert reason in refused(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_a_file_that_is_cut_short(kind):
    data = file_of(UPRIGHT, kind)
    for part in (0.1, 0.5, 0.9):
        assert "damaged or incomplete" in refused(data[: int(part * len(data))])


def chunk(name, content):
    """Return a PNG chunk, with its length and checksum."""
    return (
        len(content).to_bytes(4, "big")
        + name
        + content
        + zlib.crc32(name + content).to_bytes(4, "big")
    )


def png(*chunks, width=10, height=10):
    """Return a PNG file of 8-bit gray pixels with the given chunks between IHDR and IEND."""
    header = chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def test_bombs():
    zeros = zlib.compress(bytes(60_000_000), 9)
    pixels = chunk(b"IDAT", zlib.compress(bytes(10 * 11)))
    assert decode_image(png(pixels), SIZE).size == SIZE
    assert "million pixels" in refused(png(chunk(b"IDAT", zeros), width=7072, height=7072))
    assert "million pixels" in refused(
        png(chunk(b"IDAT", zeros), width=2**31 - 1, height=2**31 - 1)
    )
    assert "damaged" in refused(png(chunk(b"zTXt", b"a\0\0" + zeros), pixels))
    assert "damaged" in refused(png(chunk(b"iTXt", b"a\0\1\0\0\0" + zeros), pixels))
    assert "damaged" in refused(
        png(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))] * 5, pixels)
    )
    assert "damaged" in refused(png(chunk(b"iCCP", b"a\0\0" + zeros), pixels))
    jpeg = bytearray(file_of(plain("red"), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff\xff\xff\xff"
    assert "million pixels" in refused(bytes(jpeg))
    webp = (
        b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
        + b"\xff\xff\x00" * 2
        + file_of(plain("red"), "WebP")[12:]
    )
    assert refused(webp)


def test_a_jpeg_with_very_many_scans():
    data = file_of(Image.new("RGB", (2000, 2000)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda")) : -2]
    assert decode_image(data[:-2] + scan * 5 + data[-2:], SIZE)
    assert "scans" in refused(data[:-2] + scan * 1000 + data[-2:])


@pytest.mark.parametrize(
    ("file", "megabytes"),
    [
        (("JPEG", "RGB", {}), 2),
        (("JPEG", "RGB", {"progressive": True}), 8),
        (("PNG", "L", {}), 5),
        (("PNG", "RGB", {}), 5),
        (("PNG", "RGBA", {}), 9),
        (("PNG", "RGB", {"transparency": (1, 1, 1)}), 13),
        (("PNG", "P", {}), 13),
        (("WebP", "RGB", {"lossless": True, "method": 0}), 19),
    ],
)
def test_what_does_not_fit_into_the_functions_memory_is_refused(monkeypatch, file, megabytes):
    kind, mode, options = file
    data = file_of(Image.new(mode, (1400, 800)), kind, **options)
    monkeypatch.setattr(limits, "BASE_MB", 0)
    monkeypatch.setattr(limits, "RESERVE_MB", -10_000)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(megabytes))
    assert decode_image(data, SIZE)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")
    assert refused(data).endswith(
        "has 1 million pixels, more than fit into this function's memory: send a smaller copy"
    )
