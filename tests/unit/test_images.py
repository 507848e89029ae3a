"""Image files as pixels: every kind that is taken, and that no other bytes do more than be
refused.
"""

import io
import time
import warnings
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.serving.errors import InvalidInput
from shared.serving.images import decode, limits
from shared.serving.images.decode import decode_image, resize_image
from tests.unit.toy_image import SIZE, distance, file_of, plain, scene

UPRIGHT = scene((240, 180))
WANTED = UPRIGHT.resize(SIZE, Image.Resampling.BILINEAR)


def refused(data, size=SIZE):
    """The reason of a refusal that comes at once."""
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInput) as refusal:
            decode_image(data, size)
    assert refusal.value.status == 422 and time.monotonic() - start < 5
    return str(refusal.value)


def test_the_limits_are_those_of_the_contract():
    assert (limits.MOST_BYTES, limits.MOST_PIXELS) == (10_000_000, 50_000_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("size", [SIZE, (16, 24), (224, 224), (240, 180), (500, 700)])
def test_any_size_is_squashed_to_the_one_asked_for(kind, size):
    image = decode_image(file_of(UPRIGHT, kind, quality=95), size)
    assert (image.mode, image.size) == ("RGB", size)
    assert distance(image, UPRIGHT.resize(size, Image.Resampling.BILINEAR)) < 3


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"qtables": "web_high"}]
)
def test_jpegs_of_all_kinds(options):
    assert distance(decode_image(file_of(UPRIGHT, "JPEG", **options), SIZE), WANTED) < 2


# What turns the upright picture into the one that a camera would have stored, by the EXIF
# orientation: the inverse of the turn.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation(kind, orientation):
    stored = UPRIGHT if orientation == 1 else UPRIGHT.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[decode.ORIENTATION] = orientation
    data = file_of(stored, kind, exif=exif)
    for size in (SIZE, (100, 75)):
        assert (
            distance(decode_image(data, size), UPRIGHT.resize(size, Image.Resampling.BILINEAR)) < 3
        )


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"x" * 500],
)
def test_broken_exif_is_ignored(exif):
    assert distance(decode_image(file_of(UPRIGHT, "JPEG", exif=exif), SIZE), WANTED) < 2


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


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("L", kind) for kind in ("JPEG", "PNG", "WebP")),
        *((mode, "PNG") for mode in ("1", "P", "I;16", "LA", "RGBA")),
        *(("CMYK", "JPEG"), ("RGBA", "WebP")),
    ],
)
def test_every_mode(mode, kind):
    image, looks = in_mode(mode)
    data = file_of(image, kind, quality=95)
    wanted = looks.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)
    assert distance(decode_image(data, SIZE), wanted) < 3
    with Image.open(io.BytesIO(data)) as opened:
        assert resize_image(opened, SIZE) == decode_image(data, SIZE)


def transparent(mode):
    """Black, of which the left half is transparent."""
    image = Image.new("RGBA", (40, 30))
    image.paste((0, 0, 0, 255), (20, 0, 40, 30))
    if mode == "L":
        opaque = Image.new("L", image.size, 50)
        opaque.paste(0, (20, 0, 40, 30))
        return opaque, {"transparency": 50}
    if mode == "RGB":
        opaque = plain("red", image.size)
        opaque.paste((0, 0, 0), (20, 0, 40, 30))
        return opaque, {"transparency": opaque.getpixel((0, 0))}
    return (image.quantize(16) if mode == "P" else image.convert(mode)), {}


@pytest.mark.parametrize(
    ("mode", "kind"),
    [*((mode, "PNG") for mode in ("RGBA", "LA", "P", "L", "RGB")), ("RGBA", "WebP")],
)
def test_transparency_goes_on_white(mode, kind):
    image, options = transparent(mode)
    small = decode_image(file_of(image, kind, lossless=True, **options), (4, 2))
    assert small.getpixel((0, 0)) == (255, 255, 255) and small.getpixel((3, 1)) == (0, 0, 0)


def test_colors_count_as_much_as_they_show():
    image = Image.new("RGBA", (46, 30), (0, 255, 0, 0))  # green that nobody sees
    image.paste((255, 0, 0, 255), (20, 0, 46, 30))
    on_white = plain((255, 255, 255), image.size)
    on_white.paste((255, 0, 0), (20, 0, 46, 30))
    assert (
        distance(
            decode_image(file_of(image), (3, 2)), on_white.resize((3, 2), Image.Resampling.BILINEAR)
        )
        < 2
    )


@pytest.mark.parametrize("size", [(28, 28), (224, 224)])
@pytest.mark.parametrize("kind", ["JPEG", "WebP"])
def test_a_large_photo_and_its_small_copy_look_the_same(photo, kind, size):
    if kind == "WebP":
        image = scene((1600, 1200))
        photo = [
            file_of(each, kind, quality=90, method=0)
            for each in (image, image.resize((400, 300), Image.Resampling.LANCZOS))
        ]
    large, small = (decode_image(data, size) for data in photo)
    assert distance(large, small) < 2


def test_a_large_jpeg_costs_a_fraction_of_a_plain_decode(photo):
    data, size = photo[0], (224, 224)

    def seconds(function):
        start = time.process_time()
        function()
        return time.process_time() - start

    ours = min(seconds(lambda: decode_image(data, size)) for _ in range(3))
    plain = min(
        seconds(lambda: Image.open(io.BytesIO(data)).convert("RGB").resize(size)) for _ in range(3)
    )
    assert ours <= 0.4 * plain


def gif(frames):
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
def test_what_is_not_taken_is_told_why(data, reason):
    assert reason in refused(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_a_file_that_is_cut_short(kind):
    data = file_of(UPRIGHT, kind)
    for part in (0.1, 0.5, 0.9):
        assert "damaged or incomplete" in refused(data[: int(part * len(data))])


def chunk(name, content):
    return (
        len(content).to_bytes(4, "big")
        + name
        + content
        + zlib.crc32(name + content).to_bytes(4, "big")
    )


def png(*chunks, width=10, height=10):
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


EXIF = Image.Exif()
EXIF[decode.ORIENTATION] = 6
GOOD = [
    file_of(scene((60, 40)), "JPEG", exif=EXIF),
    file_of(scene((60, 40)), "JPEG", progressive=True),
    file_of(scene((60, 40)).convert("CMYK"), "JPEG"),
    file_of(scene((60, 40)), "PNG", exif=EXIF),
    file_of(scene((60, 40)).quantize(8), "PNG", transparency=1),
    file_of(in_mode("I;16")[0].crop((0, 0, 60, 40)), "PNG"),
    file_of(scene((60, 40)).convert("RGBA"), "WebP", exif=EXIF),
    file_of(scene((60, 40)), "WebP", save_all=True, append_images=[plain("red", (60, 40))]),
]
PLACE = st.floats(0, 1, exclude_max=True)


def answered_or_refused(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            image = decode_image(data, SIZE)
        except InvalidInput as refusal:
            assert refusal.status == 422 and str(refusal)
        else:
            assert (image.mode, image.size) == ("RGB", SIZE)


@settings(max_examples=300, deadline=None)
@given(
    good=st.sampled_from(GOOD),
    edits=st.lists(st.tuples(PLACE, st.integers(0, 4), st.binary(max_size=4)), max_size=6),
)
def test_damaged_files_are_decoded_or_refused(good, edits):
    for local_aws_checkout, cut, put in edits:
        at = int(local_aws_checkout * len(good))
        good = good[:at] + put + good[at + cut :]
    answered_or_refused(good)


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\0\0\0WEBPVP8L", b"GIF89a"]
    ),
    rest=st.binary(),
)
def test_any_bytes_are_decoded_or_refused(start, rest):
    answered_or_refused(start + rest)


def test_nothing_is_printed_or_logged(capfd, caplog):
    caplog.set_level("DEBUG")
    for data in (
        GOOD[0],
        GOOD[3],
        file_of(UPRIGHT, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"),
        b"\xff\xd8\xff",
    ):
        answered_or_refused(data)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if "TiffImagePlugin" in record.name]
