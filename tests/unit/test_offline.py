"""Tests cannot connect to the internet by accident: see tests/offline.py."""

import socket
import threading
import urllib.request

import pytest

from tests import offline


@pytest.fixture(autouse=True)
def forgotten(nobody_dials_out):
    """These attempts are meant."""
    yield
    offline.REFUSED.clear()


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "010.0.0.1", "10.0.0.1", "0.0.0.0", "::ffff:192.0.2.1", "photos.example"]
)
def test_a_connection_to_another_machine_is_refused(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind, dial in (
        (socket.SOCK_STREAM, "connect"),
        (socket.SOCK_STREAM, "connect_ex"),
        (socket.SOCK_DGRAM, "connect"),
    ):
        with (
            socket.socket(family, kind) as client,
            pytest.raises(offline.DialedOut, match=f"connect to '{host}', port 9"),
        ):
            getattr(client, dial)((host, 9))
    with socket.socket(family, socket.SOCK_DGRAM) as client, pytest.raises(offline.DialedOut):
        client.sendto(b"x", (host, 9))


@pytest.mark.parametrize("ask", [socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex])
@pytest.mark.parametrize("host", ["photos.example", b"photos.example"])
def test_no_name_of_another_machine_is_looked_up(ask, host):
    with pytest.raises(offline.DialedOut, match=r"look up 'photos\.example'"):
        ask(host, *([80] if ask is socket.getaddrinfo else []))


def test_the_code_under_test_cannot_swallow_it():
    for url in ("http://photos.example/", "http://192.0.2.1/"):
        with pytest.raises(
            offline.DialedOut
        ):  # which urllib would make a URLError of, if it were an OSError
            urllib.request.urlopen(url, timeout=1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_attempt_in_a_thread_is_remembered():
    thread = threading.Thread(target=socket.getaddrinfo, args=("photos.example", 80))
    thread.start()
    thread.join()
    assert offline.REFUSED == ["look up 'photos.example'"]


def test_this_machine_can_be_reached(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1]), timeout=5).close()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))
    assert not offline.REFUSED
