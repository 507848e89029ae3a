"""A function served under the Runtime Interface Emulator on 127.0.0.1, in a container or bare, and
surely stopped again.
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
from typing import IO, NoReturn

from scripts.local import guard, rie
from scripts.local.docker import DOCKER
from scripts.local.guard import die_with_parent
from scripts.local.images import base_image, run_command, variables_of
from scripts.local.ports import free_port, require_free
from scripts.project import Project
from shared.errors import UserError

# seconds until the emulator must accept a connection; the handler is started by the first request
START_LIMIT = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Emulator:
    """A context manager: inside, `endpoint_url` answers for the project's function, one request at
    a time.

    port: on 127.0.0.1; container: run the project's image instead of the handler in this checkout;
    output: where the emulator's and the function's lines go, standard output if None.
    errors: where most of the emulator's lines go, if not there.
    show: instead of both, a function that takes each line. `name` is the container's.
    Ends the program with one line where the port is taken or the emulator does not start.
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
        self._project, self._port, self._output, self._errors, self._show = (
            project,
            port,
            output,
            errors,
            show,
        )
        self.name = f"{project.name}-{os.getpid()}-{port}" if container else None
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None
        self._handlers: dict = {}
        self.endpoint_url = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Emulator:
        require_free(self._port)
        if "MAKELEVEL" in os.environ:
            die_with_parent(
                signal.SIGTERM
            )  # make, which waits for this script unless it was killed
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
        _ignore_signals()  # a second one must not leave it half stopped
        if self._process:
            assert self._process.stdin
            self._process.stdin.close()  # upon which guard.py ends them
            self.wait()
            self._process = None
        for number, before in self._handlers.items():
            signal.signal(number, before)

    def _start(self) -> None:
        if self.name:
            command = run_command(self._project, self._port, self.name)
            self._process = self._popen(command, dict(os.environ))
            return
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        command = [
            str(rie.fetch()),
            *addresses,
            sys.executable,
            "-m",
            "awslambdaric",
            "lambda_function.lambda_handler",
        ]
        # Nothing of the caller's environment: as in a container, and so that no AWS credentials get
        # in.
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ORT_DISABLE_TELEMETRY": "1"}
        environment |= {
            "MODEL_PATH": str(self._project.model_file),
            "ONNX_API": self._project.onnx_api,
            **variables_of(self._project),
        }
        self._process = self._popen(command, environment)

    def _popen(self, command: list[str], environment: dict) -> subprocess.Popen:
        container = ["--container", self.name, "--docker", DOCKER] if self.name else []
        output = subprocess.PIPE if self._show else self._output
        process = subprocess.Popen(
            [sys.executable, "-IS", guard.__file__, *container, "--", *command],
            cwd=self._project.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=self._errors or (subprocess.STDOUT if output else None),
            # A session of its own, so that Ctrl-C reaches this script alone, which then stops
            # everything in order.
            start_new_session=True,
        )
        if self._show:
            self._reader = threading.Thread(
                target=_pass_on, args=(process.stdout, self._show), daemon=True
            )
            self._reader.start()
        return process

    def _wait_until_ready(self) -> None:
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
                # Any answer will do: a port that Docker forwards is open before the emulator
                # listens.
                connection.request("GET", "/")
                connection.getresponse()
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()
        raise UserError(f"the emulator was not ready within {START_LIMIT} s")

    def _advice(self) -> str:
        return (
            f"; is {base_image(self._project)} one of AWS's Lambda images, or built on one?"
            if self.name
            else ""
        )


def start_up_ms(log: str) -> float:
    """Milliseconds from the start of the function's process until it asked for its first event.

    log: the emulator's lines. The REPORT line's Init Duration is not that: https://github.com/aws/aws-lambda-runtime-interface-emulator/pull/185
    """
    found = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", log)
    if not found:
        raise ValueError("the emulator logged no INIT REPORT")
    return float(found[1])


def _pass_on(output: IO[bytes], show: Callable[[str], None]) -> None:
    # A function may print bytes that are no text.
    for line in io.TextIOWrapper(output, "utf-8", "replace"):
        show(line)


def _end_the_script(number: int, frame: object) -> NoReturn:
    """A handler for SIGNALS. make sends SIGTERM once more to those who were sent it with make: the
    first one counts.
    """
    _ignore_signals()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
