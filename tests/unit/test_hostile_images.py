"""Small files that would take all memory or minutes are refused at once; ordinary files near the
limits are decoded.
"""

import time
import zlib

import pytest
from PIL import Image

from shared.serving.errors import InvalidInput
from shared.serving.images import limits
from shared.serving.images.decode import decode_image
from tests.unit.hostile_images import PNG_START, chunk, jpeg, png, segment, webp_of_many_codes
from tests.unit.toy_image import SIZE, file_of, plain

MEMORY = 512  # MB, as in function.toml of both image projects
ICC_BOMB = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1_000_000)))
EACH_ITS_SCAN = ((1,), (2,), (3,), (4,))


def refused(data):
    """The reason of a refusal that takes less than half a second of CPU time."""
    start = time.process_time()
    with pytest.raises(InvalidInput) as refusal:
        decode_image(data, SIZE)
    assert refusal.value.status == 422 and time.process_time() - start < 0.5
    return str(refusal.value).removeprefix("the request ")


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """The memory of an image project's function, as Lambda tells it."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(MEMORY))
    monkeypatch.setattr(limits, "RESERVE_MB", -10_000)  # pytest has more in memory than a function


@pytest.mark.parametrize(("width", "height"), [(44_000_000, 1), (1, 40_000), (30_001, 8)])
def test_long_rows_and_columns(width, height):
    assert refused(png(width, height, depth=1, color=0)) == "has a side of more than 30,000 pixels"


@pytest.mark.parametrize("interlace", [0, 1])
def test_the_longest_side_is_decoded(interlace):
    assert decode_image(png(30_000, 4, depth=16, interlace=interlace), SIZE)
    assert decode_image(png(4, 30_000, interlace=interlace), SIZE)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (17, 2)])
@pytest.mark.parametrize(("color", "depth"), [(0, 1), (2, 16), (3, 4), (4, 8), (6, 8)])
def test_the_pixels_of_the_made_files_are_neither_too_few_nor_too_many(size, color, depth):
    for interlace in (0, 1):
        data = png(size[0], size[1], depth, color, interlace)
        assert decode_image(data, SIZE)
        start, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
        pixels = zlib.decompress(data[start + 8 : end - 4])
        short = data[:start] + chunk(b"IDAT", zlib.compress(pixels[:-1])) + data[end:]
        assert refused(short) == "is a PNG that cannot be decoded: it is damaged or incomplete"


@pytest.mark.parametrize("components", [3, 4])
def test_a_baseline_jpeg_with_a_scan_for_each_component_keeps_all_coefficients(
    monkeypatch, components
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
    assert "more than fit into" in refused(jpeg(7071, 7071, EACH_ITS_SCAN[:components], components))
    assert decode_image(jpeg(7071, 7071, (tuple(range(1, components + 1)),), components), SIZE)
    assert decode_image(jpeg(707, 707, EACH_ITS_SCAN[:components], components), SIZE)


def test_a_jpeg_with_very_many_scans_for_its_components():
    assert "more than 50 scans" in refused(jpeg(700, 700, EACH_ITS_SCAN[:3], times=100))


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xE1, b"Exif\0\0ab") * 800_000,
        segment(0xE5) * 2_400_000,
        segment(0xE2, b"ICC_PROFILE\0\1\1") * 500_000,
        b"\xff\xd0" * 4_900_000,
        b"\xff" * 9_900_000,
        b"\xff\0" * 4_900_000,
        segment(0xE5) + b"x" * 9_900_000,
    ],
    ids=["exif", "app", "icc", "markers", "padding", "escapes", "junk"],
)
def test_a_jpeg_of_very_many_segments(extra):
    assert (
        refused(jpeg(8, 8, extra=extra)) == "is a JPEG of more than 300 segments before its pixels"
    )


def test_a_jpeg_with_much_metadata_is_decoded():
    data = file_of(
        plain("red"), "JPEG", icc_profile=bytes(500_000), exif=b"Exif\0\0" + bytes(60_000)
    )
    extra = (
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)) * 120
        + b"\xff" * 1000
    )
    assert decode_image(data[:2] + extra + data[2:], SIZE)


@pytest.mark.parametrize(
    "chunks",
    [chunk(b"abcd") * 800_000, ICC_BOMB * 9000, chunk(b"tEXt", b"a\0b") * 600_000],
    ids=["unknown", "profiles", "texts"],
)
def test_a_png_of_very_many_chunks(chunks):
    assert (
        refused(png(8, 8, extra=chunks))
        == "is a PNG of more than 20,000 chunks of pixels, or 300 others"
    )


def test_a_png_whose_pixels_are_in_very_many_chunks():
    start = png(8, 8).partition(chunk(b"IEND"))[0]
    assert start.startswith(PNG_START)
    assert refused(start + chunk(b"IDAT") * 800_000 + chunk(b"IEND")).startswith(
        "is a PNG of more than 20,000 chunks"
    )
    assert decode_image(
        start + chunk(b"IDAT") * 10_000 + chunk(b"tEXt", b"a\0b") * 100 + chunk(b"IEND"), SIZE
    )


def resident():
    """Megabytes that this process has in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 // 2**20


@pytest.mark.linux
def test_allocations_that_no_header_tells_fail_in_an_exception(monkeypatch):
    data = webp_of_many_codes(512)
    assert len(data) < 100_000
    for spare, fits in ((400, True), (40, False)):
        monkeypatch.setattr(limits, "RESERVE_MB", 0)
        monkeypatch.setattr(limits, "BASE_MB", -10_000)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(resident() + spare))
        if fits:
            assert decode_image(data, SIZE)
        else:
            refused(data)
    assert bytearray(300_000_000)  # the limit is gone


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_of_50_megapixels_is_decoded(options):
    assert decode_image(file_of(Image.new("RGB", (8600, 5800)), "JPEG", **options), SIZE)
