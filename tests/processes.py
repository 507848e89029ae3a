"""List the processes and containers on this machine, so that a test can find leftovers."""

import subprocess
import time
from pathlib import Path

from scripts.local.docker import DOCKER


def running_with(word: str) -> list[str]:
    """The command lines of the processes with a word in their arguments or in a variable that they
    were given.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile, or belongs to another user
            continue
        if any(word.encode() in part for part in command + environment) and command != [b""]:
            found.append(b" ".join(command).decode().strip())
    return found


def containers_with(word: str) -> list[str]:
    """The names of the containers, running or not, that have a word in their name."""
    listed = subprocess.run(
        [DOCKER, "ps", "--all", "--filter", f"name={word}", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
    )
    return listed.stdout.split()


def wait_until(condition, limit: float = 30) -> bool:
    """Whether a condition came true within a limit in seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
