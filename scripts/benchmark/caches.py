"""The kernel's file caches, emptied to measure starts that read all files from the disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.local.docker import DOCKER

CACHES = Path("/proc/sys/vm/drop_caches")


def why_no_cold_caches() -> str | None:
    """Return why starts with empty file caches cannot be measured here, or None."""
    if not CACHES.exists():
        return "the kernel that runs the containers is not this one"
    if os.geteuid() != 0 or not os.access(CACHES, os.W_OK):
        return "only root can empty the kernel's file caches"
    command = [DOCKER, "ps", "--quiet"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    # Images on the same base image share its files, and often those of packages too.
    if others := listed.stdout.split():
        return f"{len(others)} other containers run here, whose files the kernel keeps in memory"
    return None


def drop_caches() -> None:
    """Empty the kernel's file caches, except for files that a running process has mapped."""
    os.sync()  # what is not written to disk yet would stay
    CACHES.write_text("3\n")
