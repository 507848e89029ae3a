"""Small photos of two kinds of things, made by the tests: no download, no licence."""

import tarfile
import zipfile

import numpy as np
from PIL import Image


def photo(kind, number, size=(80, 60)):
    """A red or a blue square somewhere on a noisy grey ground."""
    rng = np.random.default_rng([number, kind == "red"])
    pixels = rng.integers(150, 250, (size[1], size[0], 1), np.uint8).repeat(3, 2)
    top, left = rng.integers(0, size[1] // 2), rng.integers(0, size[0] // 2)
    square = pixels[top : top + size[1] // 2, left : left + size[1] // 2]
    square[:] = (200, 20, 30) if kind == "red" else (20, 30, 200)
    return Image.fromarray(pixels)


def save_photos(folder, count=8, parts=("",), kinds=("red", "blue")):
    """Writes `count` photos of each kind to folder/part/kind for each part; gives the folder."""
    for at, part in enumerate(parts):
        for kind in kinds:
            target = folder / part / kind
            target.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                # No two alike, also in different parts; of the types that are taken.
                suffix = ("jpg", "png", "webp", "JPEG")[number % 4]
                photo(kind, at * count + number).save(target / f"{number}.{suffix}")
    return folder


def packed(folder, path):
    """The folder as an archive of the type that the path's name says."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(folder.parent))
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
            for file in files:
                archive.add(file, file.relative_to(folder.parent))
    return path
