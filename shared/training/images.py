"""The images that a model learns from, in three parts: the bundled sample, a public data set, or
photos of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SPLIT_SEED = 0  # not the training's: whatever the seed of a training, its test images are the same


@dataclass
class Part:
    """images: uint8 [n, height, width, 3], 0-255; classes: int64 [n], the number of each image's
    class.
    """

    images: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


@dataclass
class ImageSet:
    """labels: the classes' names; size: the side in pixels of the square that the model takes.

    photos: whether these are photos, worth a network that has seen millions of others; their
    training images are then larger than `size`, to be cropped from. sha256: of the data.
    """

    labels: list[str]
    size: int
    photos: bool
    train: Part
    validation: Part
    test: Part
    sha256: str


def load_images(source: str, scratch: Path) -> ImageSet:
    """The data set that `--data` names: sample, full, clothing, or the path of a folder or an
    archive of photos.

    scratch: a folder for large temporary files. Ends the program with one line for each thing that
        is wrong.
    """
    from shared.training import fashion, photos

    scratch.mkdir(parents=True, exist_ok=True)
    if source == "sample":
        return fashion.sample()
    if source == "full":
        return fashion.full()
    if source == "clothing":
        return photos.clothing(scratch)
    return photos.load_photos(Path(source).expanduser(), scratch)


def split(classes: np.ndarray, shares: list[float]) -> list[np.ndarray]:
    """The indices of the images in parts: one for each share, with at least one image of each
    class, then the rest.

    classes: [n]. Every part has the same mixture of classes, and the same images whenever the data
        is the same.
    """
    rng = np.random.default_rng(SPLIT_SEED)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(shares) + 1)]
    for number in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == number))
        ends = np.cumsum([max(1, round(share * len(members))) for share in shares])
        for part, chosen in zip(parts, np.split(members, ends)):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]
