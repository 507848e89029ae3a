"""Compile every requirements .in file to its .txt file, with versions and hashes for all platforms.

One .txt file serves Python 3.11 to 3.13 on Linux, macOS and Windows. Versions that are locked
already stay unless the .in file says otherwise; `--upgrade` takes the newest that fit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from scripts.packages import environments, installer, lock_files
from shared.errors import UserError

OLDEST_PYTHON = "3.11"
# onnxruntime depends on these, and imports none of them to run a model: not in an image.
NOT_IMPORTED = ("flatbuffers", "packaging", "protobuf")


def sources() -> list[Path]:
    """Return the .in files: of the projects, of `requirements/`, and of the tests' base image."""
    patterns = ("*/requirements*.in", "requirements/*.in", ".ci/base-image/requirements.in")
    return sorted(path for pattern in patterns for path in lock_files.ROOT.glob(pattern))


def compile_lock(source: Path, options: list[str]) -> None:
    """Write the .txt file beside an .in file.

    options: for `uv pip compile`; `make lock` alone repeats without them. The header of the .txt
    file holds the command, which Renovate repeats, and accepts in this form only.
    """
    left_out = []
    if source.name == "requirements.in":
        chosen = {name for name, _ in lock_files.read_choices(source)}
        left_out = [name for name in NOT_IMPORTED if name not in chosen]
    target = source.with_suffix(".txt").name
    command = [
        *("uv", "pip", "compile", "--universal", f"--python-version={OLDEST_PYTHON}"),
        *("--generate-hashes", *(f"--no-emit-package={name}" for name in left_out)),
        *(f"--output-file={target}", source.name),
    ]
    uv = environments.uv()
    ran = subprocess.run(
        [uv, *command[1:], *options, "--quiet", f"--custom-compile-command={' '.join(command)}"],
        cwd=source.parent,
        env={**os.environ, **installer.uv_settings(uv)},
        stderr=subprocess.PIPE,
        text=True,
    )
    if ran.returncode:
        shown = source.relative_to(lock_files.ROOT)
        raise UserError(f"{shown} cannot be locked: {installer.reason(ran.stderr)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = ["--upgrade"] if parser.parse_args().upgrade else []
    for source in sources():
        lock_files.read_choices(source)  # before anything is written
    for source in sources():
        compile_lock(source, options)
        print(f"locked {source.relative_to(lock_files.ROOT).with_suffix('.txt')}", flush=True)


if __name__ == "__main__":
    main()
