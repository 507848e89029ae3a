"""The images that commands in copied checkouts built are removed when the tests are over."""

import subprocess

from scripts.docker import DOCKER, why_no_engine

MADE: list[str] = []  # what is in the names of these images, and of no others


def pytest_sessionfinish():
    if not MADE or why_no_engine():
        return
    command = [DOCKER, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if made := [name for name in names if any(part in name for part in MADE)]:
        # Their layers stay in the builder's cache, for the next run.
        subprocess.run([DOCKER, "image", "rm", "--force", "--no-prune", *made], stdout=subprocess.DEVNULL, check=True)
