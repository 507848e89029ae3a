"""Resolve a host name, and reject addresses that are not public."""

from __future__ import annotations

import os
from contextlib import suppress

from shared.serving.errors import InvalidInput


def resolve(host: str, port: int, seconds: float) -> list[tuple]:
    """Return the addresses of a host, as socket.getaddrinfo does, also for numbers in any base.

    Raises InvalidInput if there is none within `seconds`, or if one of them is not public. On
    Lambda, http://127.0.0.1:9001 is the runtime API, which hands out the function's events.
    ALLOW_PRIVATE_URLS=1 in the environment, for tests, allows private addresses.
    """
    import socket
    import threading

    found: list = []

    def look_up() -> None:
        """Add the addresses to found; none for a host that does not exist."""
        with suppress(OSError, ValueError):  # ValueError: for a name that DNS cannot carry
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    # getaddrinfo takes no timeout, and may wait for half a minute.
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    addresses = list(found)
    if not addresses:
        raise InvalidInput(((), "has a host that cannot be found"), status=422)
    may_be_private = os.environ.get("ALLOW_PRIVATE_URLS") == "1"
    if not may_be_private and not all(is_public(address[0]) for *_, address in addresses):
        raise InvalidInput(((), "leads to an address that is not public"), status=400)
    return addresses


def is_public(text: str) -> bool:
    """Return whether an IP address is public. An IPv4 address inside an IPv6 address is checked
    itself.
    """
    from ipaddress import IPv4Address, ip_address, ip_network

    address = ip_address(text)
    if address.version == 4:
        return address.is_global and not address.is_multicast and not address.is_reserved
    # IPv4-mapped addresses, and those of NAT64, for IPv4 servers in networks that have IPv6 alone.
    if address in ip_network("::ffff:0:0/96") or address in ip_network("64:ff9b::/96"):
        return is_public(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    # Teredo and 6to4 can lead to any IPv4 address, and nobody serves images there. All public
    # addresses are in 2000::/3.
    hides = address in ip_network("2001::/32") or address in ip_network("2002::/16")
    return address.is_global and address in ip_network("2000::/3") and not hides
