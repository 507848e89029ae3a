"""Download an image from an untrusted URL, safe against server-side request forgery (SSRF).

The addresses are checked after the name is resolved, and the connection is made to one of them: a
second resolution could return another address (DNS rebinding). For the same reason, proxies of the
environment are not used. The modules for HTTP and TLS are imported with the first URL: they take
longer to import than all other modules of this package.
"""

from __future__ import annotations

import io
import time

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput
from shared.serving.images.urls import PORTS, check_length, parsed, refusal

if TYPE_CHECKING:
    import socket
    from http.client import HTTPResponse
    from typing import Any

MOST_BYTES = 10_000_000
MOST_REDIRECTS = 3
CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 8.0
REDIRECTS = (301, 302, 303, 307, 308)
# Media types of files without a known type; the last is that of S3.
UNTYPED = ("", "application/octet-stream", "binary/octet-stream")

_tls = None  # ssl's default context, made once: it takes long to load the certificates


def download_image(url: str, deadline: float | None = None) -> bytes:
    """Return the image file at an http or https URL, at most MOST_BYTES.

    deadline: in seconds of the monotonic clock; TOTAL_SECONDS from now without it.
    Raises InvalidInput: 400 for a URL that is malformed or not allowed, 422 if there is no image.
    The reason is logged, so it never quotes the URL or the server's response.
    ALLOW_PRIVATE_URLS=1 in the environment, for tests, allows addresses that are not public.
    """
    import http.client
    import ssl
    from urllib.parse import urljoin

    deadline = time.monotonic() + TOTAL_SECONDS if deadline is None else deadline
    try:
        for _ in range(MOST_REDIRECTS + 1):
            reply = _get(url, deadline)
            if isinstance(reply, bytes):
                return reply
            check_length(reply)
            url = urljoin(url, reply)
    except ssl.SSLCertVerificationError:
        raise refusal("leads to a server whose certificate is not valid for that name") from None
    except TimeoutError:
        raise _too_slow() from None
    except (OSError, http.client.HTTPException, ValueError):
        if time.monotonic() >= deadline:
            raise _too_slow() from None
        raise refusal(
            "leads to a server that breaks off, or does not speak HTTP as the URL says"
        ) from None
    raise refusal(f"redirects more than {MOST_REDIRECTS} times")


class _Stream(io.RawIOBase):
    """A connection that ends at the deadline, however slowly the bytes arrive: a socket's own
    timeout starts again with each byte.
    """

    def __init__(self, connection: socket.socket, deadline: float):
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        """Return True: io.RawIOBase asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer, and return their number; 0 at the end."""
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file, as http.client expects it from a socket."""
        return io.BufferedReader(self)


def _get(url: str, deadline: float) -> bytes | str:
    """Return the body at a URL, or the Location that it redirects to."""
    import http.client

    from shared.serving.images.addresses import resolve

    scheme, host, port, target = parsed(url)
    with _connect(resolve(host, port, min(CONNECT_SECONDS, _left(deadline))), deadline) as plain:
        connection = plain if scheme == "http" else _secure(plain, host, deadline)
        with connection:
            authority = f"[{host}]" if ":" in host else host
            authority += "" if port == PORTS[scheme] else f":{port}"
            request = (
                f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: onnx-on-lambda\r\n"
                "Accept: image/jpeg, image/png, image/webp\r\nAccept-Encoding: identity\r\n"
                "Connection: close\r\n\r\n"
            )
            connection.settimeout(_left(deadline))
            connection.sendall(request.encode())
            with http.client.HTTPResponse(_Stream(connection, deadline), method="GET") as response:  # type: ignore[arg-type]
                response.begin()
                return _body(response)


def _body(response: HTTPResponse) -> bytes | str:
    """Return the body of a response, or its Location. Raises InvalidInput if it is no image."""
    if response.status in REDIRECTS and response.headers.get("Location"):
        return response.headers["Location"]
    if response.status != 200:
        raise refusal(f"was answered with the HTTP status {response.status}")
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind not in UNTYPED and not kind.startswith("image/"):
        raise refusal("does not lead to an image: its Content-Type is another one")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise refusal("was answered in a compressed form, which was not asked for")
    is_large = (response.length or 0) > MOST_BYTES
    data = b"" if is_large else response.read(MOST_BYTES + 1)
    if is_large or len(data) > MOST_BYTES:
        raise refusal(f"leads to more than {MOST_BYTES // 1_000_000} MB")
    if response.length:
        raise refusal("leads to a file that breaks off")
    return data


def _connect(addresses: list[tuple], deadline: float) -> socket.socket:
    """Return a socket to the first address that answers. The addresses share the time, so that no
    dead one uses it up.
    """
    import socket

    until = min(time.monotonic() + CONNECT_SECONDS, deadline)
    for at, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(until) / (len(addresses) - at))
            connection.connect(address)
            return connection
        except OSError:  # TimeoutError, which is one, as well
            connection.close()
    raise refusal("leads to a server that cannot be reached")


def _secure(connection: socket.socket, host: str, deadline: float) -> socket.socket:
    """Return the connection in TLS, with a certificate that is valid for the name."""
    global _tls
    import ssl

    _tls = _tls or ssl.create_default_context()
    connection.settimeout(_left(deadline))
    return _tls.wrap_socket(connection, server_hostname=host)


def _left(deadline: float) -> float:
    """Return the seconds until the deadline. Raises TimeoutError after it."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _too_slow() -> InvalidInput:
    return refusal(f"took longer than {TOTAL_SECONDS:g} seconds")
