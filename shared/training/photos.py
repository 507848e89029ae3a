"""Photos in folders named after their classes, read by the function that will read them when the
model is served.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from shared.errors import UserError
from shared.serving.errors import InvalidInput
from shared.serving.images.decode import decoded
from shared.training.archives import entries
from shared.training.download import download
from shared.training.images import ImageSet, Part, split

SIZE, TRAIN_SIZE = 224, 256  # pixels: what the model takes, and what training crops from
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
PARTS = ("train", "validation", "test")
NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
NAMES |= {"test": "test", "testing": "test"}
SHARE = 0.15  # of the photos for validation, and as much for the test, where they come in one part
FEWEST = 5  # photos of a class, so that each part has some
MOST_NAMED = 10  # faults spelled out; the rest are counted

# Fixed by commit; GitHub packs the archive anew now and then, so its own checksum would not last.
CLOTHING = "11961516512414bf9f6c150a832cfd21b54a6b54"
CLOTHING_URL = f"https://github.com/alexeygrigorev/clothing-dataset-small/archive/{CLOTHING}.tar.gz"
CLOTHING_COUNTS = {"train": 3068, "validation": 341, "test": 372}


def clothing(scratch: Path) -> ImageSet:
    """The clothing photos (CC0), 3,781 in 10 classes, downloaded once. Ends the program with one
    line where they cannot be had.

    What is checked is the number of photos in each part; that they come from the commit is left to
    GitHub and TLS.
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
    return _image_set(path, places, scratch)


def load_photos(source: Path, scratch: Path) -> ImageSet:
    """The photos of a folder or an archive: one folder for each class, or train, validation and
    test folders of such folders.

    Ends the program with one line for each thing that is wrong.
    """
    return _image_set(source, arrange([name for name, _ in entries(source)], str(source)), scratch)


def _image_set(
    source: Path, places: dict[PurePosixPath, tuple[str, str]], scratch: Path
) -> ImageSet:
    """The photos that were arranged."""
    labels = sorted({label for _, label in places.values()})
    digests, parts = _read(source, places, labels, scratch)
    return ImageSet(labels=labels, size=SIZE, photos=True, sha256=_digest_of(digests), **parts)


def arrange(names: list[PurePosixPath], source: str) -> dict[PurePosixPath, tuple[str, str]]:
    """Part and class of each photo, from the names of the files alone. Other files, and hidden
    ones, are left out.

    Ends the program with one line for each thing that is wrong with the folders.
    """
    names = sorted(name for name in names if name.suffix.lower() in SUFFIXES and not _hidden(name))
    if not names:
        raise UserError(f"{source} holds no JPEG, PNG or WebP file")
    places = _given_parts(names) or _own_parts(names, source)
    labels = sorted({label for _, label in places.values()})
    counts = Counter(places.values())
    missing = [
        f"{source}: {part} has no photo of the class {label}"
        for part in PARTS
        for label in labels
        if not counts[part, label]
    ]
    if len(labels) < 2:
        missing = [f"{source} holds one class only, {labels[0]}: at least two are needed"]
    _end_with(missing)
    return places


def _given_parts(names: list[PurePosixPath]) -> dict[PurePosixPath, tuple[str, str]]:
    """From …/train/class/photo.jpg; nothing where there are no such folders. A part that is not
    there is taken from train.
    """
    places = {}
    for name in names:
        folders = name.parts[:-1]
        at = next((i for i, folder in enumerate(folders[:-1]) if folder.lower() in NAMES), None)
        if at is not None:
            places[name] = NAMES[folders[at].lower()], folders[at + 1]
    there = {part for part, _ in places.values()}
    return (
        _divide(places, [part for part in PARTS[1:] if part not in there])
        if "train" in there
        else {}
    )


def _own_parts(names: list[PurePosixPath], source: str) -> dict[PurePosixPath, tuple[str, str]]:
    """From …/class/photo.jpg, however deep the photos lie inside of the class."""
    root = _common([name.parts[:-1] for name in names])
    if all(len(name.parts) == len(root) + 1 for name in names):
        if not root:
            raise UserError(
                f"{source} has no folders of photos: put the photos of each class into a folder "
                "of its name"
            )
        root = root[:-1]  # one folder of photos: a single class
    stray = [name for name in names if len(name.parts) == len(root) + 1]
    _end_with([f"{source}: {name} is in no class's folder" for name in stray])
    places = {name: ("train", name.parts[len(root)]) for name in names}
    few = {
        label: n
        for label, n in Counter(label for _, label in places.values()).items()
        if n < FEWEST
    }
    _end_with(
        [
            f"{source}: the class {label} has {n} photos, at least {FEWEST} are needed"
            for label, n in few.items()
        ]
    )
    return _divide(places, ["validation", "test"])


def _divide(places: dict, parts: list[str]) -> dict:
    """Moves some of the training photos of each class to each of the parts."""
    names = [name for name, (part, _) in places.items() if part == "train"]
    if not parts:
        return places
    labels = np.unique([places[name][1] for name in names], return_inverse=True)[1]
    for part, chosen in zip(parts, split(labels, [SHARE] * len(parts))):
        places |= {names[i]: (part, places[names[i]][1]) for i in chosen}
    return places


def _read(
    source: Path, places: dict, labels: list[str], scratch: Path
) -> tuple[list[str], dict[str, Part]]:
    """The pixels, in files that vanish with the program: photos by the thousand need not fit into
    memory.
    """
    parts: dict[str, Part] = {}
    at: dict[PurePosixPath, tuple[np.ndarray, int]] = {}
    for part in PARTS:
        members = [name for name in places if places[name][0] == part]
        side = TRAIN_SIZE if part == "train" else SIZE
        with tempfile.TemporaryFile(
            dir=scratch
        ) as file:  # which lives on, nameless, as long as its pages are mapped
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
                pixels[number] = np.asarray(decoded(content, pixels.shape[2:0:-1]))
            except InvalidInput as error:
                faults.append(
                    f"{source}: {name} cannot be used: "
                    f"{'; '.join(reason for _, reason in error.problems)}"
                )
            digests.append(f"{'/'.join(places[name])} {hashlib.sha256(content).hexdigest()}")
            bar.update()
    _end_with(faults)
    return digests, parts


def _digest_of(digests: list[str]) -> str:
    """The same for the same photos in the same parts and classes, whatever the files are called and
    wherever they lie.
    """
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _hidden(name: PurePosixPath) -> bool:
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in name.parts)


def _common(folders: list[tuple]) -> tuple:
    first, last = min(folders), max(folders)
    same = [a == b for a, b in zip(first, last)] + [False]
    return first[: same.index(False)]


def _end_with(faults: list[str]) -> None:
    if faults:
        more = [f"and {len(faults) - MOST_NAMED} more"] if len(faults) > MOST_NAMED else []
        raise UserError("\n".join(faults[:MOST_NAMED] + more))
