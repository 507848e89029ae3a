"""Data augmentation: change images a little at each epoch, so that a network generalizes."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

SMALLEST_CROP = 0.4  # of the photo's area
MOST_STRETCH = 0.3  # natural logarithm of how much wider or higher than the photo's own shape


def shifted(
    images: np.ndarray, rng: np.random.Generator, most: int = 1, mirror: bool = True
) -> np.ndarray:
    """Mirror half of the images, and shift each by up to `most` pixels on a white background.

    images: uint8 [n, h, w, 3], as the result. mirror: False for images such as digits.
    """
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), constant_values=255)
    down, right = rng.integers(0, 2 * most + 1, (2, count))
    rows = down[:, None, None] + np.arange(height)[None, :, None]
    columns = right[:, None, None] + np.arange(width)[None, None, :]
    mirrored = (rng.permutation(count) < count / 2) & mirror
    columns = np.where(mirrored[:, None, None], columns[:, :, ::-1], columns)
    return padded[np.arange(count)[:, None, None], rows, columns]


def cropped(
    images: np.ndarray, rng: np.random.Generator, size: int, mirror: bool = True
) -> np.ndarray:
    """Crop a random part of each photo, and mirror half of them.

    images: uint8 [n, h, w, 3]. mirror: False to mirror none. Returns uint8 [n, size, size, 3].
    """
    return np.stack([_crop(image, rng, size, mirror) for image in images])


def _crop(photo: np.ndarray, rng: np.random.Generator, size: int, mirror: bool) -> np.ndarray:
    """Crop one photo, uint8 [h, w, 3], to uint8 [size, size, 3]."""
    height, width, _ = photo.shape
    area = rng.uniform(SMALLEST_CROP, 1)
    stretch = math.exp(rng.uniform(-MOST_STRETCH, MOST_STRETCH))
    across = width * min(1, math.sqrt(area * stretch))
    down = height * min(1, math.sqrt(area / stretch))
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    image = Image.fromarray(photo).resize(
        (size, size), Image.Resampling.BILINEAR, box=(left, top, left + across, top + down)
    )
    pixels = np.asarray(image)
    mirrored = rng.random() < 0.5
    return pixels[:, ::-1] if mirrored and mirror else pixels
