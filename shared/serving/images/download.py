"""The bytes at a URL that a stranger chose, without handing over what only this function can reach.

The addresses are checked after the name was looked up, and the connection goes to one of them: a
second look-up could give another (DNS rebinding). Proxies of the environment are not used, for the
same reason. The modules for HTTP and TLS are
imported when the first URL comes: together they take longer than all other code of this function,
    its packages aside.
"""

from __future__ import annotations

import io
import time

from shared.serving.errors import InvalidInput
from shared.serving.images.addresses import looked_up

MOST_BYTES = 10_000_000
MOST_REDIRECTS = 3
# of a URL; signed ones have 2,000. Checked before urlsplit, which keeps its last 128 arguments
MOST_CHARACTERS = 8192
# characters of a DNS name; Python's encoding of others takes time that grows with their square
MOST_IN_HOST = 253
CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 8.0
# Other ports below 1024 are of services that were never meant to be spoken to in HTTP, such as
# mail.
LOW_PORTS = (80, 443)
# characters of a path or query that stay as they are; blanks and control characters do not
SAFE = "/%:@!$&'()*+,;=~?"
REDIRECTS = (301, 302, 303, 307, 308)
UNTYPED = (
    "",
    "application/octet-stream",
    "binary/octet-stream",
)  # the last is what S3 says of a file without a type

_tls = (
    None  # ssl's default context; loading the certificates takes longer than the rest of this file
)


def fetched(url: str, deadline: float | None = None) -> bytes:
    """The image file at an http or https URL, at most MOST_BYTES, by `deadline` on the monotonic
    clock.

    Raises InvalidInput: 400 for a URL that is malformed or not allowed, 422 when it does not lead
        to a file. The reason never quotes the URL or what the server sent, for it is logged.
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
    """A connection that ends at the deadline, however slowly each byte comes. A socket's own
    timeout starts anew with each.
    """

    def __init__(self, connection, deadline: float):
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self)


def _get(url: str, deadline: float) -> bytes | str:
    """The body at a URL, or the Location that it redirects to."""
    import http.client

    scheme, host, port, target = _parts(url)
    with _connected(
        looked_up(host, port, min(CONNECT_SECONDS, _left(deadline))), deadline
    ) as plain:
        connection = plain if scheme == "http" else _secured(plain, host, deadline)
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


def _body(response) -> bytes | str:
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
    """Scheme, host in ASCII, port, and what goes into the request line."""
    import re
    from unicodedata import normalize
    from urllib.parse import quote, urlsplit

    _check_length(url)
    try:
        parts = urlsplit(url)
        host, port = (
            normalize("NFKC", parts.hostname or ""),
            parts.port,
        )  # normalized, a character may become 18
        if len(host) > MOST_IN_HOST or len(host := host.encode("idna").decode()) > MOST_IN_HOST:
            raise _refusal("has a host name that is too long", 400)
        target = quote(parts.path or "/", safe=SAFE) + (
            "?" + quote(parts.query, safe=SAFE) if parts.query else ""
        )
    except ValueError:  # UnicodeError, which is one, for names that DNS cannot carry
        raise _refusal("is not a URL", 400) from None
    if parts.scheme not in ("http", "https"):
        raise _refusal("must start with http:// or https://", 400)
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise _refusal("is not a URL", 400)
    if (
        parts.username is not None or parts.password is not None
    ):  # they would be sent by us, and are seldom meant for us
        raise _refusal("must not contain a user name or a password", 400)
    port = {"http": 80, "https": 443}[parts.scheme] if port is None else port
    if port < 1024 and port not in LOW_PORTS:
        raise _refusal("has a port that is neither 80, 443 nor above 1023", 400)
    return parts.scheme, host, port, target


def _check_length(url: str) -> None:
    if len(url) > MOST_CHARACTERS:
        raise _refusal(f"is a URL of more than {MOST_CHARACTERS:,} characters", 400)


def _connected(addresses: list[tuple], deadline: float):
    """A socket to the first of the addresses that answers. They share the time, so that no dead one
    uses it up.
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


def _secured(connection, host: str, deadline: float):
    """The connection in TLS, after the certificate was checked for the name."""
    global _tls
    import ssl

    _tls = _tls or ssl.create_default_context()
    connection.settimeout(_left(deadline))
    return _tls.wrap_socket(connection, server_hostname=host)


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises TimeoutError after it."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _too_slow() -> InvalidInput:
    return _refusal(f"took longer than {TOTAL_SECONDS:g} seconds")


def _refusal(reason: str, status: int = 422) -> InvalidInput:
    return InvalidInput(((), reason), status=status)
