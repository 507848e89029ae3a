"""Download from an untrusted URL: servers that misbehave or are slow."""

import socket
import time

import pytest

from shared.serving.images import download
from tests.unit.downloads import HEAD, PHOTO, refused
from tests.unit.servers import PUBLIC, dripping, endless, redirected, replied

# What Python cannot raise it prints, and what is printed is logged.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


MISBEHAVIOR = {
    "not found": (replied(b"", status="HTTP/1.1 404 Not Found"), "HTTP status 404"),
    "partial": (replied(PHOTO, status="HTTP/1.1 206 Partial"), "HTTP status 206"),
    "redirect to nowhere": (replied(b"", status="HTTP/1.1 302 Found"), "HTTP status 302"),
    "a page": (replied(b"<html>", kind="text/html; charset=utf-8"), "Content-Type"),
    "compressed": (replied(b"x", "Content-Encoding: gzip"), "compressed"),
    "announced as too large": (HEAD + b"Content-Length: 300001\r\n\r\n", "more than"),
    "too large": (HEAD + b"\r\n" + b"x" * 300_001, "more than"),
    "endless": (endless(HEAD + b"\r\n"), "more than"),
    "endless chunk": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"),
        "more than",
    ),
    "cut short": (HEAD + b"Content-Length: 100\r\n\r\nx", "breaks off"),
    "cut chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx", "breaks off"),
    "wrong chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx", "breaks off"),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", "HTTP"),
    "silent": (b"", "breaks off"),
    "long header": (HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "HTTP"),
    "many headers": (HEAD + b"X: x\r\n" * 200 + b"\r\n", "HTTP"),
}


SLOWNESS = {
    "slow status": dripping(b""),
    "slow headers": dripping(HEAD, b"x: x\r\n"),
    "slow body": dripping(HEAD + b"\r\n"),
    "slow chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "never ready": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no answer": lambda connection: time.sleep(0.5),
}


@pytest.mark.parametrize("name", SLOWNESS)
def test_servers_that_are_slow(internet, impatient, name):
    assert refused(internet.serve(SLOWNESS[name])) == (
        422,
        "the request took longer than 0.15 seconds",
    )


@pytest.mark.parametrize("name", MISBEHAVIOR)
def test_servers_that_misbehave(internet, name):
    reply, reason = MISBEHAVIOR[name]
    status, message = refused(internet.serve(reply))
    assert status == 422 and reason in message


def test_a_name_that_does_not_exist_or_is_not_found_in_time(internet, impatient):
    def slow():
        time.sleep(0.3)
        return [PUBLIC]

    internet.names |= {"gone.example": [], "slow.example": slow}
    for host in ("gone.example", "slow.example"):
        assert refused(f"http://{host}/")[1] == "the request has a host that cannot be found"


def test_addresses_that_do_not_answer_share_the_time(monkeypatch, internet):
    seconds = []

    def connect(this, address):
        seconds.append(this.gettimeout())
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert "cannot be reached" in refused(internet.serve(b"", addresses=(PUBLIC, "8.8.8.8")))[1]
    assert seconds == pytest.approx(
        [download.CONNECT_SECONDS / 2, download.CONNECT_SECONDS], abs=0.5
    )


def test_redirects_share_the_time(internet, impatient):
    def slow(connection):
        time.sleep(0.1)
        connection.sendall(redirected("/photo"))

    _, message = refused(internet.serve(slow))
    # The time may end while the next server is connected to.
    assert "longer than" in message or "cannot be reached" in message
    assert len(internet.connected) < 4
