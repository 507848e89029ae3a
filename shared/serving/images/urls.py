"""Validate an untrusted URL, and split it into the parts of an HTTP request."""

from __future__ import annotations

from shared.serving.errors import InvalidInput

# Signed URLs have 2,000. Checked before urlsplit, which caches its last 128 arguments.
MOST_CHARACTERS = 8192
# Characters of a DNS name; Python encodes longer names in quadratic time.
MOST_IN_HOST = 253
PORTS = {"http": 80, "https": 443}
# Other ports below 1024 belong to services that do not speak HTTP, such as mail.
LOW_PORTS = (80, 443)
# Characters of a path or query that are not quoted; blanks and control characters are.
SAFE = "/%:@!$&'()*+,;=~?"


def parsed(url: str) -> tuple[str, str, int, str]:
    """Return the scheme, the host in ASCII, the port, and the target of the request line.

    Raises InvalidInput for a URL that is malformed or not allowed.
    """
    import re
    from unicodedata import normalize
    from urllib.parse import quote, urlsplit

    check_length(url)
    try:
        parts = urlsplit(url)
        host = normalize("NFKC", parts.hostname or "")  # a character may become 18
        port = parts.port
        if len(host) > MOST_IN_HOST or len(host := host.encode("idna").decode()) > MOST_IN_HOST:
            raise refusal("has a host name that is too long", 400)
        target = quote(parts.path or "/", safe=SAFE)
        target += "?" + quote(parts.query, safe=SAFE) if parts.query else ""
    except ValueError:  # UnicodeError, which is one, for names that DNS cannot carry
        raise refusal("is not a URL", 400) from None
    if parts.scheme not in ("http", "https"):
        raise refusal("must start with http:// or https://", 400)
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise refusal("is not a URL", 400)
    # They would be sent by us, and are seldom meant for us.
    if parts.username is not None or parts.password is not None:
        raise refusal("must not contain a user name or a password", 400)
    port = PORTS[parts.scheme] if port is None else port
    if port < 1024 and port not in LOW_PORTS:
        raise refusal("has a port that is neither 80, 443 nor above 1023", 400)
    return parts.scheme, host, port, target


def check_length(url: str) -> None:
    """Raise InvalidInput for a URL of more than MOST_CHARACTERS."""
    if len(url) > MOST_CHARACTERS:
        raise refusal(f"is a URL of more than {MOST_CHARACTERS:,} characters", 400)


def refusal(reason: str, status: int = 422) -> InvalidInput:
    """Return the refusal of a URL. The reason never quotes it, because it is logged."""
    return InvalidInput(((), reason), status=status)
