"""Run a candidate in its container: send requests, read its log, measure its process."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from scripts.benchmark.candidates import TIMEOUT, Candidate
from scripts.local.docker import DOCKER
from scripts.local.emulator import Emulator, start_up_ms
from scripts.local.invoke import FunctionFailed, answer_of
from scripts.local.ports import free_port
from scripts.local.run import PATH
from shared.errors import UserError

LOG_LIMIT = 10  # seconds until Docker has passed on a line of the log
# Serves the bytes on its standard input, on a free port, which it prints.
FILE_SERVER = """
import http.server, sys
data = sys.stdin.buffer.read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
STATES = (
    'for process in /proc/[0-9]*; do cat "$process/status" "$process/io" 2>/dev/null; echo; done'
)


class Served:
    """A context manager that runs a candidate's container.

    `ask` sends one request at a time. The first one starts the function's process.
    """

    def __init__(self, candidate: Candidate):
        self.candidate = candidate
        self.asked = 0
        self._within = ExitStack()

    def __enter__(self) -> Served:
        with ExitStack() as within:
            folder = Path(within.enter_context(tempfile.TemporaryDirectory()))
            self._log, self._errors = folder / "log", folder / "errors"
            output, errors = (
                within.enter_context(path.open("w")) for path in (self._log, self._errors)
            )
            self._emulator = Emulator(
                self.candidate.project, free_port(), container=True, output=output, errors=errors
            )
            within.enter_context(self._emulator)
            port = int(self._emulator.endpoint_url.rsplit(":", 1)[1])
            self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            within.callback(self._connection.close)
            self._within = within.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._within.close()

    def ask(self, event: bytes) -> tuple[bytes, float]:
        """Return the response and its time in ms. Raises UserError when the function fails."""
        self.asked += 1
        start = time.perf_counter()
        try:
            self._connection.request("POST", PATH, event)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._give_up(f"gave no answer: {error}")
        taken = (time.perf_counter() - start) * 1000
        if response.status != 200 or b'"errorType"' in body[:400]:
            self._give_up(
                "does not start" if response.status != 200 else body.decode(errors="replace")[:400]
            )
        return body, taken

    def answer(self, event: bytes) -> object:
        """Return the response as a JSON value. Raises UserError when the function fails."""
        try:
            return answer_of(self.ask(event)[0], None)
        except FunctionFailed as error:
            self._give_up(str(error))

    def start_up(self) -> float:
        """Return milliseconds from the start of the function's process until it asked for its first
        event.
        """
        self._wait(self._errors, lambda log: "INIT REPORT(" in log and log.endswith("\n"))
        return start_up_ms(self._errors.read_text())

    def lines(self, count: int) -> list[dict]:
        """Return what the handler itself logged of the last requests, in milliseconds; nothing for
        one without a model.
        """
        if not self.candidate.has_model:
            return []
        self._wait(
            self._log, lambda log: log.count('\n{"level"') >= self.asked and log.endswith("\n")
        )
        return [
            json.loads(line)
            for line in self._log.read_text().splitlines()
            if line.startswith('{"level"')
        ][-count:]

    def process(self) -> dict[str, int]:
        """Return bytes of the function's process: `peak`, its largest resident memory, and `read`,
        which it has read from disk.
        """
        command = [DOCKER, "exec", self._emulator.name or "", "sh", "-c", STATES]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        processes = [
            dict(line.split(":", 1) for line in block.splitlines())
            for block in printed.strip().split("\n\n")
        ]
        # The emulator is process 1; the first after it that runs Python is the function's.
        ours = min(
            (found for found in processes if "python" in found["Name"]),
            key=lambda found: int(found["Pid"]),
        )
        return {"peak": int(ours["VmHWM"].split()[0]) * 1024, "read": int(ours["read_bytes"])}

    def limit_processor(self, vcpus: float) -> None:
        """Limit the container to a number of vCPUs from now on."""
        subprocess.run(
            [DOCKER, "update", "--cpus", f"{vcpus:.3f}", self._emulator.name or ""],
            capture_output=True,
            check=True,
        )

    def serve_file(self, data: bytes) -> str:
        """Serve a file inside the container, for the function to download. Returns its URL."""
        command = [DOCKER, "exec", "--interactive", self._emulator.name or ""]
        command += ["python3", "-c", FILE_SERVER]
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert server.stdin and server.stdout
        # Callbacks run in reverse order: the end of the container ends the server in it.
        self._within.callback(server.wait)
        self._within.callback(self._emulator.stop)
        server.stdin.write(data)
        server.stdin.close()
        return f"http://127.0.0.1:{int(server.stdout.readline())}/"

    def _wait(self, log: Path, condition: Callable[[str], bool]) -> None:
        limit = time.monotonic() + LOG_LIMIT
        while not condition(log.read_text()):
            if time.monotonic() > limit:
                self._give_up(f"has not logged what it should within {LOG_LIMIT} s")
            time.sleep(0.01)

    def _give_up(self, reason: str) -> NoReturn:
        for log in (self._errors, self._log):
            print(*log.read_text().splitlines()[-20:], sep="\n")
        raise UserError(f"{self.candidate.image} {reason} (its last lines are above)")
