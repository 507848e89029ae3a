"""Photos in folders named after their classes, decoded exactly as the served model decodes them."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from shared.errors import UserError
from shared.serving.errors import InvalidInput
from shared.serving.images.decode import decode_image
from shared.training.archives import entries
from shared.training.download import download
from shared.training.image_set import ImageSet, Part
from shared.training.photo_folders import PARTS, Places, arrange, raise_for

SIZE, TRAIN_SIZE = 224, 256  # pixels: what the model takes, and what training crops from

# Fixed by commit; GitHub packs the archive anew now and then, so its own checksum would not last.
CLOTHING = "11961516512414bf9f6c150a832cfd21b54a6b54"
CLOTHING_URL = f"https://github.com/alexeygrigorev/clothing-dataset-small/archive/{CLOTHING}.tar.gz"
CLOTHING_COUNTS = {"train": 3068, "validation": 341, "test": 372}


def clothing(scratch: Path) -> ImageSet:
    """Return the clothing photos (CC0), 3,781 in 10 classes, downloaded once.

    Checked is the number of photos in each part. GitHub and TLS vouch for the commit.
    scratch: a folder for large temporary files. Raises UserError when they cannot be downloaded.
    """
    try:
        path = download(CLOTHING_URL, f"clothing-dataset-small-{CLOTHING[:7]}.tar.gz")
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"the clothing photos cannot be downloaded ({reason}): check the network, or give "
            "DATA=path"
        ) from None
    places = arrange([name for name, _ in entries(path)], str(path))
    counts = Counter(part for part, _ in places.values())
    if counts != CLOTHING_COUNTS:
        raise UserError(f"{path} holds {dict(counts)} photos, not {CLOTHING_COUNTS}: remove it")
    return _image_set(path, places, scratch, {"train": TRAIN_SIZE}, SIZE)


def load_photos(
    source: Path, scratch: Path, size: int = SIZE, train_size: int = TRAIN_SIZE
) -> ImageSet:
    """Return the photos of a folder or an archive.

    It has a folder for each class, or train, validation and test folders of such folders.
    scratch: a folder for large temporary files. size, train_size: the side in pixels of the images
    that the model takes, and of those that training crops from. Raises UserError with a line for
    each fault.
    """
    places = arrange([name for name, _ in entries(source)], str(source))
    return _image_set(source, places, scratch, {"train": train_size}, size)


def _image_set(
    source: Path, places: Places, scratch: Path, sides: dict[str, int], size: int
) -> ImageSet:
    labels = sorted({label for _, label in places.values()})
    sides = dict.fromkeys(PARTS, size) | sides
    digests, parts = _read(source, places, labels, scratch, sides)
    return ImageSet(labels=labels, size=size, photos=True, sha256=_digest_of(digests), **parts)


def _read(
    source: Path, places: Places, labels: list[str], scratch: Path, sides: dict[str, int]
) -> tuple[list[str], dict[str, Part]]:
    """Decode the photos. Returns a digest of each, and the parts.

    sides: pixels of the images in each part. They are in temporary files, mapped: thousands of
    photos need not fit into memory.
    """
    parts: dict[str, Part] = {}
    at: dict[PurePosixPath, tuple[np.ndarray, int]] = {}
    for part in PARTS:
        members = [name for name in places if places[name][0] == part]
        side = sides[part]
        # The file has no name, and lives as long as it is mapped.
        with tempfile.TemporaryFile(dir=scratch) as file:
            images = np.memmap(file, np.uint8, "w+", shape=(len(members), side, side, 3))
        parts[part] = Part(
            images, np.array([labels.index(places[name][1]) for name in members], np.int64)
        )
        at |= {name: (images, number) for number, name in enumerate(members)}
    digests, faults = [], []
    with tqdm(total=len(places), desc="reading photos", unit="", leave=False, disable=None) as bar:
        for name, read in entries(source):
            if name not in at:
                continue
            content, (pixels, number) = read(), at[name]
            try:
                pixels[number] = np.asarray(decode_image(content, pixels.shape[2:0:-1]))
            except InvalidInput as error:
                faults.append(
                    f"{source}: {name} cannot be used: "
                    f"{'; '.join(reason for _, reason in error.problems)}"
                )
            digests.append(f"{'/'.join(places[name])} {hashlib.sha256(content).hexdigest()}")
            bar.update()
    raise_for(faults)
    return digests, parts


def _digest_of(digests: list[str]) -> str:
    """Return a checksum of all photos, their parts and classes, whatever their files are called."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
