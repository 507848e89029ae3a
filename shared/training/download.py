"""Download a file once, with progress. It is kept only when it is complete and unaltered."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from pathlib import Path

from tqdm import tqdm

FOLDER = Path(__file__).resolve().parents[1] / "build"  # ignored by git, removed by `make clean`
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18


def download(url: str, name: str, sha256: str | None = None) -> Path:
    """Return the path of a file, downloaded from a URL unless it is there already.

    name: of the file in FOLDER; sha256: of its content, None if unknown. Raises OSError with the
    reason when the download fails.
    """
    path = FOLDER / name
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    print(f"downloading {url}", flush=True)
    try:
        digest = _fetch(url, part)
        if sha256 and digest != sha256:
            raise OSError(f"its sha256 is {digest}, not {sha256}")
        part.replace(path)
    except http.client.HTTPException as error:
        raise OSError(f"the server's response breaks off ({type(error).__name__})") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def _fetch(url: str, path: Path) -> str:
    digest = hashlib.sha256()
    # The person who trains chooses the URL, of whatever scheme.
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response, path.open("wb") as file:  # noqa: S310
        size = int(response.headers.get("Content-Length") or 0)
        # disable=None: no progress bar unless the output is a terminal.
        with tqdm(total=size or None, unit="B", unit_scale=True, leave=False, disable=None) as bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                bar.update(len(chunk))
        if size and file.tell() != size:
            raise OSError(f"only {file.tell():,} of {size:,} bytes arrived")
    return digest.hexdigest()
