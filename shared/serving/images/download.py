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
from shared.serving.images.addresses import resolve

if TYPE_CHECKING:
    import socket
    from http.client import HTTPResponse
    from typing import Any

MOST_BYTES = 10_000_000
MOST_REDIRECTS = 3
# Of a URL; signed ones have 2,000. Checked before urlsplit, which caches its last 128 arguments.
MOST_CHARACTERS = 8192
# Characters of a DNS name; Python encodes longer names in quadratic time.
MOST_IN_HOST = 253
CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 8.0
# Other ports below 1024 belong to services that do not speak HTTP, such as mail.
LOW_PORTS = (80, 443)
# Characters of a path or query that are not quoted; blanks and control characters are.
SAFE = "/%:@!$&'()*+,;=~?"
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
            _check_length(reply)
            url = urljoin(url, reply)
    except ssl.SSLCertVerificationError:
        raise _refusal("leads to a server whose certificate is not valid for that name") from None
    except TimeoutError:
        raise _too_slow() from None
    except (OSError, http.client.HTTPException, ValueError):
        if time.monotonic() >= deadline:
            raise _too_slow() from None
        raise _refusal(
            "leads to a server that breaks off, or does not speak HTTP as the URL says"
        ) from None
    raise _refusal(f"redirects more than {MOST_REDIRECTS} times")


class _Stream(io.RawIOBase):
    """A connection that ends at the deadline, however slowly the bytes arrive: a socket's own
    timeout starts again with each byte.
    """

    def __init__(self, connection: socket.socket, deadline: float):
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file, as http.client expects it from a socket."""
        return io.BufferedReader(self)


def _get(url: str, deadline: float) -> bytes | str:
    """Return the body at a URL, or the Location that it redirects to."""
    import http.client

    scheme, host, port, target = _parts(url)
    with _connect(resolve(host, port, min(CONNECT_SECONDS, _left(deadline))), deadline) as plain:
        connection = plain if scheme == "http" else _secure(plain, host, deadline)
        with connection:
            authority = f"[{host}]" if ":" in host else host
            authority += "" if port == {"http": 80, "https": 443}[scheme] else f":{port}"
            connection.settimeout(_left(deadline))
            connection.sendall(
                f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: onnx-on-lambda\r\n"
                "Accept: image/jpeg, image/png, image/webp\r\nAccept-Encoding: "
                "identity\r\nConnection: close\r\n\r\n".encode()
            )
            with http.client.HTTPResponse(_Stream(connection, deadline), method="GET") as response:  # type: ignore[arg-type]
                response.begin()
                return _body(response)


def _body(response: HTTPResponse) -> bytes | str:
    if response.status in REDIRECTS and response.headers.get("Location"):
        return response.headers["Location"]
    if response.status != 200:
        raise _refusal(f"was answered with the HTTP status {response.status}")
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind not in UNTYPED and not kind.startswith("image/"):
        raise _refusal("does not lead to an image: its Content-Type is another one")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _refusal("was answered in a compressed form, which was not asked for")
    if (response.length or 0) > MOST_BYTES or len(
        data := response.read(MOST_BYTES + 1)
    ) > MOST_BYTES:
        raise _refusal(f"leads to more than {MOST_BYTES // 1_000_000} MB")
    if response.length:
        raise _refusal("leads to a file that breaks off")
    return data


def _parts(url: str) -> tuple[str, str, int, str]:
    """Return the scheme, the host in ASCII, the port, and the target of the request line."""
    import re
    from unicodedata import normalize
    from urllib.parse import quote, urlsplit

    _check_length(url)
    try:
        parts = urlsplit(url)
        host = normalize("NFKC", parts.hostname or "")  # a character may become 18
        port = parts.port
        if len(host) > MOST_IN_HOST or len(host := host.encode("idna").decode()) > MOST_IN_HOST:
            raise _refusal("has a host name that is too long", 400)
        target = quote(parts.path or "/", safe=SAFE)
        target += "?" + quote(parts.query, safe=SAFE) if parts.query else ""
    except ValueError:  # UnicodeError, which is one, for names that DNS cannot carry
        raise _refusal("is not a URL", 400) from None
    if parts.scheme not in ("http", "https"):
        raise _refusal("must start with http:// or https://", 400)
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise _refusal("is not a URL", 400)
    # They would be sent by us, and are seldom meant for us.
    if parts.username is not None or parts.password is not None:
        raise _refusal("must not contain a user name or a password", 400)
    port = {"http": 80, "https": 443}[parts.scheme] if port is None else port
    if port < 1024 and port not in LOW_PORTS:
        raise _refusal("has a port that is neither 80, 443 nor above 1023", 400)
    return parts.scheme, host, port, target


def _check_length(url: str) -> None:
    if len(url) > MOST_CHARACTERS:
        raise _refusal(f"is a URL of more than {MOST_CHARACTERS:,} characters", 400)


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
    raise _refusal("leads to a server that cannot be reached")


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
    return _refusal(f"took longer than {TOTAL_SECONDS:g} seconds")


def _refusal(reason: str, status: int = 422) -> InvalidInput:
    return InvalidInput(((), reason), status=status)
