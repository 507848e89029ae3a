"""The client detects errors of the function, although the emulator answers each with status 200."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.local.invoke import Function, FunctionFailed
from scripts.local.ports import free_port


class FakeEmulator(BaseHTTPRequestHandler):
    """Answer each request with a given status and body; record whether two requests overlap."""

    status, body, busy, overlapped = 200, b"", threading.Lock(), False

    def do_POST(self):
        kind = type(self)
        kind.overlapped |= not kind.busy.acquire(blocking=False)
        self.rfile.read(int(self.headers["Content-Length"]))
        threading.Event().wait(0.02)  # long enough for another caller to show itself
        kind.busy.release()
        self.send_response(kind.status)
        self.send_header("Content-Length", str(len(kind.body)))
        self.end_headers()
        self.wfile.write(kind.body)

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture
def emulator():
    """A fake emulator on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Fake", (FakeEmulator,), {}))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def invoke(emulator, status, body, event=None):
    """Invoke a function whose emulator answers with a status and a body."""
    emulator.RequestHandlerClass.status, emulator.RequestHandlerClass.body = status, body
    return Function(endpoint_url=f"http://127.0.0.1:{emulator.server_port}")(event or {})


@pytest.mark.parametrize(
    "answer", [{"a": 1}, [1, "é"], None, {"errorType": "a field of the answer"}]
)
def test_an_answer_comes_back_as_it_is(emulator, answer):
    assert invoke(emulator, 200, json.dumps(answer).encode()) == answer


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            200,
            b'{"errorType": "InvalidInput", "errorMessage": "customer.tenure is missing"}',
            "InvalidInput: customer.tenure",
        ),
        (200, b"Task timed out after 3.00 seconds", "Task timed out after 3.00 seconds"),
        (200, b"", "empty"),
        (502, b"", "does not start"),
        (
            502,
            b'{"errorType": "NameError", "errorMessage": "x"}',
            r"does not start .* \(NameError: x\)",
        ),
        (
            502,
            b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named \'x\'"}',
            "start: No module named 'x'; the image has",
        ),
        (
            502,
            b'{"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited with error: '
            b'signal: killed"}',
            "more memory than",
        ),
        (200, b'{"errorType": "BdbQuit", "errorMessage": ""}', r"breakpoint\(\) needs a terminal"),
    ],
)
def test_an_error_is_recognized(emulator, status, body, message):
    with pytest.raises(FunctionFailed, match=message):
        invoke(emulator, status, body)


def test_nobody_there():
    with pytest.raises(FunctionFailed, match="make run"):
        Function(endpoint_url=f"http://127.0.0.1:{free_port()}")({})


def test_more_than_six_megabytes_are_not_sent(emulator):
    with pytest.raises(FunctionFailed, match="6 MB"):
        invoke(emulator, 200, b"{}", {"x": "y" * 7_000_000})


def test_callers_take_turns(emulator):
    threads = [threading.Thread(target=invoke, args=(emulator, 200, b"{}")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not emulator.RequestHandlerClass.overlapped


def test_the_script_prints_the_answer_or_one_line(emulator, run_script, tmp_path):
    event = tmp_path / "event.json"
    arguments = ["scripts/local/invoke.py", event, "--port", emulator.server_port]
    assert "cannot be read" in run_script(*arguments).stderr
    event.write_text("{}")
    emulator.RequestHandlerClass.body = b'{"churn": true}'
    assert json.loads(run_script(*arguments).stdout) == {"churn": True}
    emulator.RequestHandlerClass.body = b'{"errorType": "InvalidInput", "errorMessage": "no"}'
    failed = run_script(*arguments)
    assert (failed.returncode, failed.stderr) == (1, "InvalidInput: no\n")
