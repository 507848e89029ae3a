"""Serve a function under the Runtime Interface Emulator, in Docker or on the host.

It listens on 127.0.0.1, and is always stopped at the end.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn

from scripts.local import bare, guard, rie
from scripts.local.docker import DOCKER
from scripts.local.guard import die_with_parent
from scripts.local.images import base_image, run_command
from scripts.local.ports import free_port, require_free
from scripts.project import Project
from shared.errors import UserError

START_LIMIT = 30  # seconds until the emulator accepts a connection; a request starts the handler
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Emulator:
    """A context manager that serves a project's function at `endpoint_url`, one request at a time.

    port: on 127.0.0.1; container: run the project's image instead of the handler in this checkout.
    output: for the log of the emulator and the function, standard output if None.
    errors: for most of the emulator's log, if it is not to be in output.
    show: a function that takes each line of the log, instead of both.
    `name` is the container's. Raises UserError when the port is in use or the emulator does not
    start.
    """

    def __init__(
        self,
        project: Project,
        port: int,
        container: bool,
        output: IO | None = None,
        errors: IO | None = None,
        show: Callable[[str], None] | None = None,
    ):
        self._project, self._port = project, port
        self._output, self._errors, self._show = output, errors, show
        self.name = f"{project.name}-{os.getpid()}-{port}" if container else None
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None
        self._handlers: dict = {}
        self.endpoint_url = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Emulator:
        require_free(self._port)
        if "MAKELEVEL" in os.environ:
            die_with_parent(signal.SIGTERM)  # make, which waits for this script unless killed
        for number in SIGNALS:
            before = signal.signal(number, _end_the_script)
            if before is signal.SIG_IGN:  # nohup, say
                signal.signal(number, before)
            self._handlers[number] = before
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def wait(self) -> int:
        """Wait until the emulator ends, and return its exit status."""
        assert self._process
        status = self._process.wait()
        if self._reader:
            self._reader.join()
        return status

    def stop(self) -> None:
        """End the function, then the emulator."""
        _ignore_signals()  # a second signal must not leave it half stopped
        if self._process:
            assert self._process.stdin
            self._process.stdin.close()  # then guard.py ends them
            self.wait()
            self._process = None
        for number, before in self._handlers.items():
            signal.signal(number, before)

    def _start(self) -> None:
        """Start the emulator, in a container or on the host."""
        if self.name:
            command = run_command(self._project, self._port, self.name)
            self._process = self._popen(command, dict(os.environ), self._project.folder)
            return
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        command = [str(rie.fetch()), *addresses, *bare.RUNTIME]
        folder = bare.function_folder(self._project)
        self._process = self._popen(command, bare.variables(self._project), folder)

    def _popen(self, command: list[str], environment: dict, folder: Path) -> subprocess.Popen:
        """Start a command under guard.py, and pass on its output if `show` is given."""
        container = ["--container", self.name, "--docker", DOCKER] if self.name else []
        output = subprocess.PIPE if self._show else self._output
        process = subprocess.Popen(
            [sys.executable, "-IS", guard.__file__, *container, "--", *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=self._errors or (subprocess.STDOUT if output else None),
            # In a session of its own, so that Ctrl-C reaches this script alone. The script then
            # stops everything in order.
            start_new_session=True,
        )
        if self._show:
            self._reader = threading.Thread(
                target=_pass_on, args=(process.stdout, self._show), daemon=True
            )
            self._reader.start()
        return process

    def _wait_until_ready(self) -> None:
        """Wait until the emulator answers. Raises UserError if it ends, and after START_LIMIT."""
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            assert self._process
            if self._process.poll() is not None:
                raise UserError(
                    f"the emulator ended with status {self.wait()} before it was "
                    f"ready{self._advice()}"
                )
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
            try:
                # Any response will do: Docker opens a port before the emulator listens.
                connection.request("GET", "/")
                connection.getresponse()
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()
        raise UserError(f"the emulator was not ready within {START_LIMIT} s")

    def _advice(self) -> str:
        """Return a question about the base image, for a message about a container."""
        if not self.name:
            return ""
        return f"; is {base_image(self._project)} one of AWS's Lambda images, or built on one?"


def start_up_ms(log: str) -> float:
    """Return the ms from the start of the function's process until it asked for its first event.

    log: of the emulator. The Init Duration in its REPORT line is something else:
    https://github.com/aws/aws-lambda-runtime-interface-emulator/pull/185
    Raises ValueError when the log has no such line.
    """
    found = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", log)
    if not found:
        raise ValueError("the emulator logged no INIT REPORT")
    return float(found[1])


def _pass_on(output: IO[bytes], show: Callable[[str], None]) -> None:
    # A function may print bytes that are not text.
    for line in io.TextIOWrapper(output, "utf-8", "replace"):
        show(line)


def _end_the_script(number: int, frame: object) -> NoReturn:
    """Handle SIGNALS. Only the first one counts: make passes SIGTERM on a second time."""
    _ignore_signals()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
