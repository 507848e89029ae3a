"""Assign photos to parts and classes by their folders, from the names of the files alone."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import numpy as np

from shared.errors import UserError
from shared.training.image_set import split

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
PARTS = ("train", "validation", "test")
NAMES = {  # of folders, and the part that each holds
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
SHARE = 0.15  # of the photos for validation, and as much for the test, unless folders divide them
FEWEST = 5  # photos of a class, so that each part has some
MOST_NAMED = 10  # faults spelled out; the rest are counted

Places = dict[PurePosixPath, tuple[str, str]]  # photo: its part and its class


def arrange(names: list[PurePosixPath], source: str) -> Places:
    """Return the part and the class of each photo. Other files, and hidden ones, are left out.

    source: the folder or archive, for messages. Raises UserError with a line for each fault.
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
    raise_for(missing)
    return places


def _given_parts(names: list[PurePosixPath]) -> Places:
    """Read …/train/class/photo.jpg; a missing part is taken from train. Empty without train."""
    places = {}
    for name in names:
        folders = name.parts[:-1]
        at = next((i for i, folder in enumerate(folders[:-1]) if folder.lower() in NAMES), None)
        if at is not None:
            places[name] = NAMES[folders[at].lower()], folders[at + 1]
    there = {part for part, _ in places.values()}
    if "train" not in there:
        return {}
    return _divide(places, [part for part in PARTS[1:] if part not in there])


def _own_parts(names: list[PurePosixPath], source: str) -> Places:
    """Read …/class/photo.jpg, with any number of folders between class and photo."""
    root = _common([name.parts[:-1] for name in names])
    if all(len(name.parts) == len(root) + 1 for name in names):
        if not root:
            raise UserError(
                f"{source} has no folders of photos: put the photos of each class into a folder "
                "of its name"
            )
        root = root[:-1]  # one folder of photos: a single class
    stray = [name for name in names if len(name.parts) == len(root) + 1]
    raise_for([f"{source}: {name} is in no class's folder" for name in stray])
    places = {name: ("train", name.parts[len(root)]) for name in names}
    counts = Counter(label for _, label in places.values())
    raise_for(
        [
            f"{source}: the class {label} has {n} photos, at least {FEWEST} are needed"
            for label, n in counts.items()
            if n < FEWEST
        ]
    )
    return _divide(places, ["validation", "test"])


def _divide(places: Places, parts: list[str]) -> Places:
    """Move some of the training photos of each class to each of the parts."""
    names = [name for name, (part, _) in places.items() if part == "train"]
    if not parts:
        return places
    labels = np.unique([places[name][1] for name in names], return_inverse=True)[1]
    for part, chosen in zip(parts, split(labels, [SHARE] * len(parts))):
        places |= {names[i]: (part, places[names[i]][1]) for i in chosen}
    return places


def _hidden(name: PurePosixPath) -> bool:
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in name.parts)


def _common(folders: list[tuple]) -> tuple:
    first, last = min(folders), max(folders)
    same = [a == b for a, b in zip(first, last)] + [False]
    return first[: same.index(False)]


def raise_for(faults: list[str]) -> None:
    """Raise UserError with a line for each fault, MOST_NAMED of them at most."""
    if faults:
        more = [f"and {len(faults) - MOST_NAMED} more"] if len(faults) > MOST_NAMED else []
        raise UserError("\n".join(faults[:MOST_NAMED] + more))
