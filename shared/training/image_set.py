"""A labeled set of images in three parts: training, validation, test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Not the training's seed: the test images stay the same whatever the seed of a training is.
SPLIT_SEED = 0


@dataclass
class Part:
    """Some images and their classes.

    images: uint8 [n, height, width, 3], 0-255; classes: int64 [n], indices of labels.
    """

    images: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


@dataclass
class ImageSet:
    """A whole data set.

    labels: the names of the classes; size: the side in pixels of the square that the model takes.
    photos: whether these are photos, for which a pretrained network pays off. Their training
    images are larger than `size`, to be cropped. sha256: of the data.
    """

    labels: list[str]
    size: int
    photos: bool
    train: Part
    validation: Part
    test: Part
    sha256: str


def split(classes: np.ndarray, shares: list[float]) -> list[np.ndarray]:
    """Split images into parts with the same mixture of classes, the same at every call.

    classes: [n]. Returns the indices of the images: one array for each share, with at least one
    image of each class, then one with the rest.
    """
    rng = np.random.default_rng(SPLIT_SEED)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(shares) + 1)]
    for number in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == number))
        ends = np.cumsum([max(1, round(share * len(members))) for share in shares])
        for part, chosen in zip(parts, np.split(members, ends)):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]
