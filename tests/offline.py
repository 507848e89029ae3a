"""No test dials out: in this process only loopback addresses and Unix sockets can be connected to.

Commands that a test starts are processes of their own, which this does not cover.
"""

import ipaddress
import socket

REFUSED: list[
    str
] = []  # since the test began: code under test may swallow the exception, or raise it in a thread
LOCAL_NAMES = {None, "", "localhost", socket.gethostname()}
_connect, _connect_ex, _sendto = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.socket.sendto,
)
_getaddrinfo, _gethostbyname, _gethostbyname_ex = (
    socket.getaddrinfo,
    socket.gethostbyname,
    socket.gethostbyname_ex,
)


class DialedOut(BaseException):
    """A test tried to reach another machine. Not an Exception, so that no `except` of the code
    under test takes it.
    """


def install() -> None:
    """Block connections to other machines, and questions for their addresses, until the process
    ends.
    """
    for name, real in (("connect", _connect), ("connect_ex", _connect_ex), ("sendto", _sendto)):
        setattr(socket.socket, name, _guarded(real))
    socket.getaddrinfo = _resolving(_getaddrinfo)
    socket.gethostbyname = _resolving(_gethostbyname)
    socket.gethostbyname_ex = _resolving(_gethostbyname_ex)


def _guarded(real):
    """A method of sockets whose last argument is an address."""

    def method(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(arguments[-1][0]):
            _refuse(f"connect to {arguments[-1][0]!r}, port {arguments[-1][1]}")
        return real(self, *arguments)

    return method


def _resolving(real):
    """A function of a host name and more."""

    def function(host, *arguments, **options):
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        if name not in LOCAL_NAMES and not _is_address(name):
            _refuse(f"look up {name!r}")
        return real(host, *arguments, **options)

    return function


def _is_loopback(host: str) -> bool:
    """Whether an address is of this machine; a name other than localhost is not."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:  # a name, or a spelling such as 010.0.0.1, which is a public address
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _is_address(host: str) -> bool:
    """Whether a host is an address in any spelling, for which nobody is asked."""
    try:
        _getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _refuse(what: str) -> None:
    """Note the attempt and raise DialedOut."""
    REFUSED.append(what)
    raise DialedOut(
        f"a test tried to {what}: tests reach this machine alone; serve it on 127.0.0.1, or patch "
        "what connects"
    )
