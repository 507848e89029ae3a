"""The data sets of image projects, and their downloads."""

import gzip
import hashlib
from collections import Counter

import numpy as np
import pytest

from shared.training import download, fashion, photos
from shared.training.images import load_images
from shared.training.photo_folders import PARTS
from tests.projects.file_server import served
from tests.projects.pictures import packed, reported, save_photos


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch):
    """The folder of downloads, empty for each test."""
    monkeypatch.setattr(download, "FOLDER", tmp_path / "downloads")
    return tmp_path / "downloads"


@pytest.fixture
def server(tmp_path):
    """A folder that is served on this machine, and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    with served(folder) as url:
        yield folder, url


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
