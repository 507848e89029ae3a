"""The data of image projects: the sample, all of Fashion-MNIST, photos in folders and archives,
and the errors for wrong data.
"""

import gzip
import hashlib
import io
import tarfile
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import numpy as np
import pytest

from shared.errors import UserError
from shared.serving.images.decode import decode_image
from shared.training import download, fashion, photos
from shared.training.confusion_matrix import picture
from shared.training.image_set import split
from shared.training.images import load_images
from shared.training.photo_folders import PARTS
from shared.training.scores import confusion, table
from tests.projects.pictures import packed, save_photos


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch):
    """The folder of downloads, empty for each test."""
    monkeypatch.setattr(download, "FOLDER", tmp_path / "downloads")
    return tmp_path / "downloads"


@pytest.fixture
def server(tmp_path):
    """Serves a folder on this machine; gives the folder and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *arguments: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def reported(source, scratch):
    """The lines with which the program would end."""
    with pytest.raises(UserError) as ended:
        load_images(str(source), scratch)
    return str(ended.value).splitlines()


def test_the_sample_is_of_dark_garments_on_white_in_equal_shares(tmp_path):
    data = load_images("sample", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (5400, 600, 1000)
    for part in (data.train, data.validation, data.test):
        assert part.images.shape[1:] == (28, 28, 3) and part.images.dtype == np.uint8
        assert len(set(Counter(part.classes.tolist()).values())) == 1
        assert np.median(part.images[:, 0]) == 255
        assert (part.images[..., 0] == part.images[..., 2]).all()
    assert not data.photos and len(data.labels) == 10


def idx(values):
    """Values in the format of MNIST's files; the readers skip the header."""
    return gzip.compress(bytes(16 if values.ndim == 3 else 8) + values.tobytes())


@pytest.fixture
def small_fashion(monkeypatch):
    """A Fashion-MNIST of a few images: name and content of its four files."""
    rng = np.random.default_rng(0)
    files = {}
    for name in fashion.FILES:
        count = 100 if name.startswith("train") else 20
        values = (
            rng.integers(0, 256, (count, 28, 28)) if "images" in name else np.arange(count) % 10
        )
        files[name] = idx(values.astype(np.uint8))
    digests = {
        name: hashlib.sha256(gzip.decompress(content)).hexdigest()
        for name, content in files.items()
    }
    monkeypatch.setattr(fashion, "FILES", digests)
    return files


@pytest.mark.parametrize("way", ["Debian's package", "download"])
def test_all_of_fashion_mnist(small_fashion, way, tmp_path, server, monkeypatch, downloads):
    folder, url = server
    for name, content in small_fashion.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(fashion, "DEBIAN", folder if way != "download" else tmp_path / "none")
    monkeypatch.setattr(fashion, "URL", url)
    data = load_images("full", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (90, 10, 20)
    assert len(list(downloads.rglob("*.gz"))) == (4 if way == "download" else 0)
    assert data.test.classes.tolist() == [*range(10), *range(10)]


def test_fashion_mnist_that_cannot_be_had(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fashion, "DEBIAN", tmp_path / "none")
    monkeypatch.setattr(fashion, "URL", "http://127.0.0.1:9")
    [line] = reported("full", tmp_path)
    assert line.startswith("Fashion-MNIST cannot be read (") and line.endswith(
        "install dataset-fashion-mnist"
    )


def test_fashion_mnist_that_was_changed(small_fashion, tmp_path, monkeypatch):
    for name, content in small_fashion.items():
        (tmp_path / name).write_bytes(
            content if "labels" in name else idx(np.zeros((100, 28, 28), np.uint8))
        )
    monkeypatch.setattr(fashion, "DEBIAN", tmp_path)
    [line] = reported("full", tmp_path)
    assert "is not the original file" in line


def test_a_download_is_kept_only_when_it_is_what_it_should_be(server, downloads):
    folder, url = server
    (folder / "file").write_bytes(b"content")
    with pytest.raises(OSError, match="its sha256 is"):
        download.download(f"{url}/file", "file", sha256="0" * 64)
    assert not list(downloads.iterdir())
    path = download.download(f"{url}/file", "file", sha256=hashlib.sha256(b"content").hexdigest())
    assert path.read_bytes() == b"content"
    (folder / "file").unlink()
    assert download.download(f"{url}/file", "file") == path  # it is here already


def test_the_clothing_photos_are_counted(server, tmp_path, monkeypatch):
    folder, url = server
    packed(save_photos(tmp_path / "clothing-1196151", 2, PARTS), folder / "photos.tar.gz")
    monkeypatch.setattr(photos, "CLOTHING_URL", f"{url}/photos.tar.gz")
    [line] = reported("clothing", tmp_path)
    assert "holds {'test': 4, 'train': 4, 'validation': 4} photos, not {'train': 3068," in line
    monkeypatch.setattr(photos, "CLOTHING_COUNTS", dict.fromkeys(PARTS, 4))
    assert load_images("clothing", tmp_path).labels == ["blue", "red"]


def test_the_clothing_photos_that_cannot_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "CLOTHING_URL", "http://127.0.0.1:9/photos.tar.gz")
    [line] = reported("clothing", tmp_path)
    assert (
        line.startswith("the clothing photos cannot be downloaded (")
        and "check the network" in line
    )


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


def test_the_picture_and_the_table_show_the_counts():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    counts = confusion(probabilities, np.array([0, 0, 1]))
    assert counts.tolist() == [[1, 1], [0, 1]]
    texts = [
        node.text
        for node in ElementTree.fromstring(picture(counts, ["a < b", "c"], "title")).iter()
        if node.text
    ]
    assert texts.count("1") == 3 and "a < b" in texts and "0" not in texts
    assert "a < b       2    0.50       1.00" in table(counts, ["a < b", "c"])
