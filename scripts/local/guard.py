"""Run a command until it ends or standard input closes, then end everything that it started.

The script that serves a function holds the other end of standard input. It closes however that
script ends, also by `kill -9`, so that neither the emulator nor the function nor a container
outlives it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CLIENT_LIMIT = 5  # seconds for the docker client to end after its container was removed


class Guarded:
    """A command in a session of its own.

    removal: commands that end the container in which the command runs; empty for the bare
        emulator.
    """

    def __init__(self, command: list[str], removal: list[list[str]]):
        self._removal = removal
        self._ending = threading.Lock()
        # SIGTERM for the docker client, which passes it on to the container. The emulator may
        # survive that: SIGKILL.
        number = signal.SIGTERM if removal else signal.SIGKILL
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(number),
        )

    def wait(self) -> int:
        """Wait for the command, and end the processes that it left. Returns its exit status, as a
        shell gives it.
        """
        status = self._process.wait()
        self.end()
        return 128 - status if status < 0 else status

    def end(self) -> None:
        """End the function, then the emulator or the docker client."""
        with self._ending:
            if self._removal:
                self._remove()
            else:
                kill_session(self._process.pid)

    def _remove(self) -> None:
        """End the container until the docker client has ended too."""
        limit = time.monotonic() + CLIENT_LIMIT
        # More than once if the client has not created the container yet.
        while True:
            for command in self._removal:
                subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
            if self._process.poll() is not None:
                return
            if time.monotonic() > limit:
                self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.2)


def removal_of(container: str, docker: str) -> list[list[str]]:
    """Return the commands that end a container, in the order of kill_session: stop the emulator,
    kill the function, and only then the emulator.
    """
    return [
        [docker, "kill", "--signal=STOP", container],
        [docker, "exec", container, "sh", "-c", "kill -9 -1"],  # all but the emulator
        [docker, "rm", "--force", container],
    ]


def kill_session(leader: int) -> None:
    """Kill all processes of a session, the leader last: the function would print a traceback if its
    emulator ended first.

    The emulator gives the function a process group of its own, and does not end it when it is
    killed itself.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(leader, signal.SIGSTOP)  # or else it could start the function again
    # Again and again, for processes that forked meanwhile.
    while members := [pid for pid in living(leader) if pid != leader]:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)  # the kernel's turn; nothing else tells that a grandchild has ended
    with contextlib.suppress(ProcessLookupError):
        os.kill(leader, signal.SIGKILL)


def living(session: int) -> list[int]:
    """Return the processes of a session that have not ended. A zombie has ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name) state parent group session …; the name may hold brackets and blanks
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal to this process when its parent ends, however it ends. Linux
    only.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--container", help="the name of the container in which the command runs")
    parser.add_argument("--docker", default="docker", help="the client that removes it")
    parser.add_argument(
        "command", nargs="+", help="the emulator, or `docker run`, with its arguments; after --"
    )
    args = parser.parse_args()
    removal = removal_of(args.container, args.docker) if args.container else []
    guarded = Guarded(args.command, removal)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # standard input alone says when to end

    def end_with_input() -> None:
        """Wait until standard input closes, and end the command."""
        while os.read(0, 1024):
            pass
        guarded.end()

    threading.Thread(target=end_with_input, daemon=True).start()
    sys.exit(guarded.wait())


if __name__ == "__main__":
    main()
