"""Decode each supported kind of image file."""

import io
import time

import pytest
from PIL import Image

from shared.serving.images import decode
from shared.serving.images.decode import decode_image, resize_image
from tests.unit.toy_image import SIZE, distance, file_of, plain, scene
from tests.unit.toy_image_files import UPRIGHT, WANTED, in_mode


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
