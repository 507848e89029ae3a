"""What tests build and leave: layers in the builder's cache, but no images, which are removed when
the tests are over.
"""

import copy
import fcntl
import os
import subprocess

from scripts.local.build import build
from scripts.local.docker import DOCKER, why_no_engine

MADE: list[str] = []  # what is in the names of these images, and of no others


def fill_cache(projects, lock):
    """Build the image of each project under a name that is removed at the end. lock: a file for all
    processes that test.

    One process at a time: layers that two make at once have different digests, and either may be
        taken for a later image.
    """
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for project in projects:
            if project.model_file.exists():
                first = copy.copy(project)
                first.image = f"{project.image}-first-{os.getpid()}"
                MADE.append(first.image)
                build(first, quiet=True)


def pytest_sessionfinish():
    if not MADE or why_no_engine():
        return
    command = [DOCKER, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if made := [name for name in names if any(part in name for part in MADE)]:
        # Their layers stay in the builder's cache, for the next run.
        subprocess.run(
            [DOCKER, "image", "rm", "--force", "--no-prune", *made],
            stdout=subprocess.DEVNULL,
            check=True,
        )
