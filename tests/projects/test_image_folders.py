"""Photos of your own, in folders and archives: the parts, and the errors for wrong photos."""

import io
import tarfile
from collections import Counter

import numpy as np
import pytest

from shared.serving.images.decode import decode_image
from shared.training.image_set import split
from shared.training.images import load_images
from shared.training.photo_folders import PARTS
from tests.projects.pictures import packed, reported, save_photos


def test_photos_are_read_as_they_will_be_when_the_model_is_served(tmp_path):
    folder = save_photos(tmp_path / "photos", parts=("train", "val", "test"), count=3)
    data = load_images(str(folder), tmp_path)
    assert data.photos and data.labels == ["blue", "red"]
    assert (data.train.images.shape, data.test.images.shape) == ((6, 256, 256, 3), (6, 224, 224, 3))
    first = sorted((folder / "test/blue").iterdir(), key=lambda path: path.name)[0]
    assert (data.test.images[0] == np.asarray(decode_image(first.read_bytes(), (224, 224)))).all()


def test_folder_and_archives_are_the_same_data(tmp_path):
    folder = save_photos(tmp_path / "photos", 10)
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "red/notes.txt").write_text("not a photo")
    loaded = [load_images(str(folder), tmp_path)]
    loaded += [
        load_images(str(packed(folder, tmp_path / f"photos{kind}")), tmp_path)
        for kind in (".tar", ".tar.gz", ".zip")
    ]
    assert len({data.sha256 for data in loaded}) == 1
    assert [len(part) for part in (loaded[0].train, loaded[0].validation, loaded[0].test)] == [
        12,
        4,
        4,
    ]
    for data in loaded[1:]:
        assert (data.test.images == loaded[0].test.images).all() and (
            data.train.classes == loaded[0].train.classes
        ).all()


def test_a_missing_part_is_taken_from_train(tmp_path):
    data = load_images(str(save_photos(tmp_path / "photos", 10, ("train", "test"))), tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 4, 20]


def test_a_class_may_be_called_train(tmp_path):
    data = load_images(str(save_photos(tmp_path / "photos", 5, kinds=("train", "car"))), tmp_path)
    assert data.labels == ["car", "train"]


def test_an_archive_writes_nothing_anywhere(tmp_path):
    path = tmp_path / "photos.tar"
    content = next(save_photos(tmp_path / "photos", 1).rglob("*.jpg")).read_bytes()
    with tarfile.open(path, "w") as archive:
        for kind in ("red", "blue"):
            for number in range(5):
                member = tarfile.TarInfo(f"../../outside/{kind}/{number}.jpg")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    before = set(tmp_path.rglob("*"))
    assert load_images(str(path), tmp_path).labels == ["blue", "red"]
    assert set(tmp_path.rglob("*")) == before and not (tmp_path.parent / "outside").exists()


def spoilt(tmp_path, spoil):
    """A folder of photos after `spoil`, or the path that this returns instead."""
    folder = save_photos(tmp_path / "photos", 6)
    return spoil(folder) or folder


def flat(folder):
    """Moves all photos to the top of the folder, out of those of the classes."""
    for path in list(folder.rglob("*.*")):
        path.rename(folder / f"{path.parent.name}{path.name}")


@pytest.mark.parametrize(
    ("spoil", "messages"),
    [
        (
            lambda folder: folder / "no",
            [
                "no does not exist: name a folder or an archive of photos, or sample, full or "
                "clothing"
            ],
        ),
        (
            lambda folder: folder / "red/0.jpg",
            ["0.jpg is neither a folder nor a .tar or .zip archive"],
        ),
        (
            lambda folder: [path.unlink() for path in folder.rglob("*.*")] and None,
            ["holds no JPEG, PNG or WebP file"],
        ),
        (
            flat,
            ["has no folders of photos: put the photos of each class into a folder of its name"],
        ),
        (lambda folder: folder / "red", ["has no folders of photos"]),
        (
            lambda folder: (folder / "red/0.jpg").rename(folder / "0.jpg") and None,
            ["0.jpg is in no class's folder"],
        ),
        (
            lambda folder: (
                [(folder / f"red/{name}").unlink() for name in ("0.jpg", "1.png")] and None
            ),
            ["the class red has 4 photos, at least 5 are needed"],
        ),
        (
            lambda folder: save_photos(folder.parent / "one", 6, kinds=("red",)),
            ["holds one class only, red"],
        ),
        (
            lambda folder: (
                save_photos(
                    save_photos(folder.parent / "s", 6, PARTS) / "train", 6, kinds=("hat",)
                ).parent
            ),
            ["validation has no photo of the class hat", "test has no photo of the class hat"],
        ),
        (
            lambda folder: (
                [(folder / f"red/{name}").write_bytes(b"?") for name in ("0.jpg", "1.png")] and None
            ),
            [
                "red/0.jpg cannot be used: is not an image",
                "red/1.png cannot be used: is not an image",
            ],
        ),
        (
            lambda folder: (
                (folder / "blue/0.jpg").write_bytes((folder / "blue/0.jpg").read_bytes()[:300])
                and None  # an upload cut short
            ),
            ["blue/0.jpg cannot be used: is a JPEG that cannot be decoded"],
        ),
    ],
)
def test_wrong_photos_are_refused_with_the_reason(tmp_path, spoil, messages):
    lines = reported(spoilt(tmp_path, spoil), tmp_path)
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages):
        assert message in line


def test_a_damaged_archive(tmp_path):
    path = packed(save_photos(tmp_path / "photos", 6), tmp_path / "photos.tar.gz")
    path.write_bytes(path.read_bytes()[:9000])
    [line] = reported(path, tmp_path)
    assert line.startswith(f"{path} cannot be read: ")


def test_a_split_has_some_of_each_class_and_is_always_the_same():
    classes = np.repeat([0, 1, 2], [5, 40, 100])
    parts = split(classes, [0.15, 0.15])
    assert sorted(np.concatenate(parts)) == list(range(145))
    assert Counter(classes[parts[0]].tolist()) == {0: 1, 1: 6, 2: 15}
    assert all((a == b).all() for a, b in zip(parts, split(classes, [0.15, 0.15])))
