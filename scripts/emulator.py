"""A function served under the Runtime Interface Emulator on 127.0.0.1, in a container or bare, and surely stopped again."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import IO

from scripts import rie
from scripts.docker import DOCKER, run_command, variables_of
from scripts.project import Project

START_LIMIT = 30  # seconds until the emulator must accept a connection; the handler is started by the first request
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Emulator:
    """A context manager: inside, `endpoint_url` answers for the project's function, one request at a time.

    port: on 127.0.0.1; container: run the project's image instead of the handler in this checkout;
    output: where the emulator's and the function's lines go, standard output if None. `name` is the container's.
    errors: where most of the emulator's lines go, if not there too: in one file, theirs and the function's may be mixed up.
    Ends the program with one line where the port is taken or the emulator does not start.
    """

    def __init__(self, project: Project, port: int, container: bool, output: IO | None = None, errors: IO | None = None):
        self._project, self._port, self._output, self._errors = project, port, output, errors
        self.name = f"{project.name}-{os.getpid()}-{port}" if container else None
        self._process: subprocess.Popen | None = None
        self.endpoint_url = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Emulator:
        require_free(self._port)
        for signal_number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, lambda number, frame: sys.exit(128 + number))
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def wait(self) -> None:
        """Returns when the emulator ends."""
        assert self._process
        self._process.wait()

    def stop(self) -> None:
        """Ends the emulator and the function."""
        if not self._process:
            return
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave it half stopped
        if self.name:
            subprocess.run([DOCKER, "rm", "--force", self.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            _kill_session(self._process.pid)
        self._process.wait()
        self._process = None
        signal.signal(signal.SIGINT, before)

    def _start(self) -> None:
        if self.name:
            command = run_command(self._project, self._port, self.name)
            self._process = self._popen(command, dict(os.environ))
            return
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        command = [str(rie.fetch()), *addresses, sys.executable, "-m", "awslambdaric", "lambda_function.lambda_handler"]
        # Nothing of the caller's environment: as in a container, and so that no AWS credentials get in.
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ORT_DISABLE_TELEMETRY": "1"}
        environment |= {
            "MODEL_PATH": str(self._project.model_file),
            "RUNTIME": self._project.runtime,
            **variables_of(self._project),
        }
        self._process = self._popen(command, environment)

    def _popen(self, command: list[str], environment: dict) -> subprocess.Popen:
        # A session of its own, so that Ctrl-C reaches this script alone, which then stops everything in order.
        return subprocess.Popen(
            command,
            cwd=self._project.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors or (subprocess.STDOUT if self._output else None),
            start_new_session=True,
            preexec_fn=partial(_die_with_parent, signal.SIGTERM if self.name else signal.SIGKILL),
        )

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            assert self._process
            if self._process.poll() is not None:
                raise SystemExit(f"the emulator ended with status {self._process.returncode} before it was ready")
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
            try:
                connection.request(
                    "GET", "/"
                )  # any answer will do: a port that Docker forwards is open before the emulator listens
                connection.getresponse()
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()
        raise SystemExit(f"the emulator was not ready within {START_LIMIT} s")


def start_up_ms(log: str) -> float:
    """Milliseconds from the start of the function's process until it asked for its first event.

    log: the emulator's lines. The REPORT line's Init Duration is not that: https://github.com/aws/aws-lambda-runtime-interface-emulator/pull/185
    """
    found = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", log)
    if not found:
        raise ValueError("the emulator logged no INIT REPORT")
    return float(found[1])


def require_free(port: int, setting: str = "PORT") -> None:
    """Ends the program with one line where no server could listen on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = (
                "is taken: stop what uses it, or"
                if getattr(error, "errno", 0) == errno.EADDRINUSE
                else f"cannot be used ({error}):"
            )
            raise SystemExit(f"port {port} {reason} choose another with {setting}={free_port()}") from None


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _kill_session(leader: int) -> None:
    """Kills all processes of a session, its leader last: the function before the emulator that it would complain about.

    The emulator gives the function a process group of its own, and does not end it when it is killed itself.
    """
    for pid in sorted((int(path.name) for path in Path("/proc").glob("[0-9]*")), key=lambda pid: pid == leader):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _die_with_parent(number: int) -> None:
    """In the child, before exec: the kernel sends it this signal even when this script is killed. Linux only.

    SIGTERM for the docker client, which passes it on to the container; the emulator may survive that, so SIGKILL for it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
