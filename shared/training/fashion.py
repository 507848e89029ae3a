"""Fashion-MNIST: gray pictures of garments, 28 x 28 pixels.

https://github.com/zalandoresearch/fashion-mnist
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np

from shared.errors import UserError
from shared.training.download import download
from shared.training.image_set import ImageSet, Part, split

SAMPLE = Path(__file__).resolve().parents[1] / "data/fashion-mnist-sample.npz"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
URL = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
# sha256 of the uncompressed content: Debian has compressed the same content anew.
FILES = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",  # noqa: E501
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",  # noqa: E501
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# Bytes before the values, which have one byte each: http://yann.lecun.com/exdb/mnist
HEADER = {"images": 16, "labels": 8}

LABELS = [
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
]
SIDE = 28
VALIDATION = 0.1  # of the training images


def sample() -> ImageSet:
    """Return the bundled sample: 600 images of each class to train and validate, 100 to test."""
    content = SAMPLE.read_bytes()
    with np.load(SAMPLE) as arrays:
        train, test = (
            (arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test")
        )
    return _image_set(train, test, hashlib.sha256(content).hexdigest())


def full() -> ImageSet:
    """Return all of it, Debian's copy or downloaded: 60,000 images to train and validate, 10,000 to
    test.

    Raises UserError when neither is available.
    """
    contents = {name: _content(name) for name in FILES}
    values = {
        name: np.frombuffer(content, np.uint8, offset=HEADER[name.split("-")[1]])
        for name, content in contents.items()
    }
    train, test = (
        (
            values[f"{part}-images-idx3-ubyte.gz"].reshape(-1, SIDE, SIDE),
            values[f"{part}-labels-idx1-ubyte.gz"],
        )
        for part in ("train", "t10k")
    )
    return _image_set(train, test, hashlib.sha256(b"".join(contents.values())).hexdigest())


def _content(name: str) -> bytes:
    """Return the uncompressed content of one of FILES. Raises UserError if it is not available."""
    try:
        path = DEBIAN / name
        if not path.exists():
            path = download(f"{URL}/{name}", f"fashion-mnist/{name}")
        content = gzip.decompress(path.read_bytes())
        if hashlib.sha256(content).hexdigest() != FILES[name]:
            raise OSError(f"{path} is not the original file: remove it")
        return content
    except (OSError, EOFError) as error:
        raise UserError(
            f"Fashion-MNIST cannot be read ({getattr(error, 'reason', None) or error}): "
            "check the network, or on Debian install dataset-fashion-mnist"
        ) from None


def _image_set(train: tuple, test: tuple, sha256: str) -> ImageSet:
    images, classes = _dark_on_light(train[0]), train[1].astype(np.int64)
    chosen, rest = split(classes, [VALIDATION])
    return ImageSet(
        labels=LABELS,
        size=SIDE,
        photos=False,
        train=Part(images[rest], classes[rest]),
        validation=Part(images[chosen], classes[chosen]),
        test=Part(_dark_on_light(test[0]), test[1].astype(np.int64)),
        sha256=sha256,
    )


def _dark_on_light(gray: np.ndarray) -> np.ndarray:
    """Invert light garments on black to dark ones on white, as in a shop's photos.

    gray: uint8 [n, side, side]. Returns uint8 [n, side, side, 3].
    """
    return np.repeat((255 - gray)[..., None], 3, axis=3)
