"""Ask Git about the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str | None:
    """Return what `git <arguments>` prints in a folder, stripped; None if it fails.

    It fails where Git is not installed, and outside a repository: callers treat both alike.
    """
    try:
        ran = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return None if ran.returncode else ran.stdout.strip()
