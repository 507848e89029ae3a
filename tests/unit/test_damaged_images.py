"""Image files that are damaged at random: decoded or refused, and nothing else."""

import warnings

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.serving.errors import InvalidInput
from shared.serving.images import decode
from shared.serving.images.decode import decode_image
from tests.unit.toy_image import SIZE, file_of, plain, scene
from tests.unit.toy_image_files import UPRIGHT, in_mode

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
    """Assert that a file is decoded to the right size, or refused with 422, without warnings."""
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
    for place, cut, put in edits:
        at = int(place * len(good))
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
