"""Load the images to train on: the bundled sample, a public data set, or your own photos."""

from __future__ import annotations

from pathlib import Path

from shared.training import fashion, photos
from shared.training.image_set import ImageSet


def load_images(source: str, scratch: Path, sizes: tuple[int, ...] = ()) -> ImageSet:
    """Load the data set that `--data` names.

    source: sample, full, clothing, or the path of a folder or an archive of photos.
    scratch: a folder for large temporary files. sizes: in pixels, of the images of a folder or an
    archive, and of its training images; load_photos has the default. Raises UserError with a line
    for each fault.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if source == "sample":
        return fashion.sample()
    if source == "full":
        return fashion.full()
    if source == "clothing":
        return photos.clothing(scratch)
    return photos.load_photos(Path(source).expanduser(), scratch, *sizes)
