"""`make run` of a project, as a test starts and stops it."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from scripts.local.ports import free_port
from tests.processes import containers_with, running_with

PATH = "/2015-03-31/functions/function/invocations"


class Served:
    """`make run` of a project, in the copied checkout."""

    def __init__(self, checkout, project, way):
        self.port = free_port()
        self.name = f"-{self.port}"  # the end of the container's name
        self.process = checkout.popen(
            "make", "run", f"MODEL={project.name}", f"PORT={self.port}", **way
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("curl "):
                return
        raise AssertionError("".join(self.lines))

    def interrupt(self, number):
        """Send a signal to make and its children alike, as a terminal does; return the rest of the
        output.
        """
        os.killpg(self.process.pid, number)
        try:
            output, _ = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return output

    def pid_of(self, word):
        """The process that was started with this file and this port."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_text().split("\0")
                if command[0].endswith(word) or command[1:2] == [word]:
                    found += [int(folder.name)] * any(str(self.port) in part for part in command)
        [pid] = found
        return pid

    def left(self):
        """The processes and containers of it that there are."""
        return running_with(f"127.0.0.1:{self.port}") + containers_with(self.name)
