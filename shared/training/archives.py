"""Read the files of a folder or an archive in place.

Nothing is unpacked, so that no path in an archive can lead outside of a folder.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from shared.errors import UserError

Entry = tuple[PurePosixPath, Callable[[], bytes]]


def entries(source: Path) -> Iterator[Entry]:
    """Yield the path of each file, and a function that reads it, in the archive's own order.

    source: a folder, a .zip or a .tar, also compressed. Raises UserError when it is none of these.
    """
    try:
        if source.is_dir():
            yield from _of_folder(source)
        elif not source.exists():
            raise UserError(
                f"{source} does not exist: name a folder or an archive of photos, or sample, full "
                "or clothing"
            )
        elif zipfile.is_zipfile(source):
            yield from _of_zip(source)
        elif tarfile.is_tarfile(source):
            yield from _of_tar(source)
        else:
            raise UserError(f"{source} is neither a folder nor a .tar or .zip archive")
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} cannot be read: {error}") from None


def _of_folder(source: Path) -> Iterator[Entry]:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            yield PurePosixPath(path.relative_to(source).as_posix()), path.read_bytes


def _of_zip(source: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield PurePosixPath(member.filename), partial(archive.read, member)


def _of_tar(source: Path) -> Iterator[Entry]:
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile():
                yield PurePosixPath(member.name), partial(_extract, archive, member)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file  # it is a regular file
    return file.read()
