"""Where a host name leads, and whether a stranger may send us there."""

from __future__ import annotations

import os
from contextlib import suppress

from shared.serving.errors import InvalidInput


def looked_up(host: str, port: int, seconds: float) -> list[tuple]:
    """The addresses of a host, as socket.getaddrinfo gives them; hosts written as numbers, in
    whatever base, among them.

    Raises InvalidInput when there is none within `seconds`, or when one of them is not public.
    ALLOW_PRIVATE_URLS=1 in the
    environment, for tests, allows the latter: on Lambda, http://127.0.0.1:9001 is what hands the
        function its events.
    """
    import socket
    import threading

    found: list = []

    def resolve() -> None:
        with suppress(OSError, ValueError):  # ValueError: names that DNS cannot carry
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    # getaddrinfo takes no timeout and may wait for half a minute.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    addresses = list(found)
    if not addresses:
        raise InvalidInput(((), "has a host that cannot be found"), status=422)
    if os.environ.get("ALLOW_PRIVATE_URLS") != "1" and not all(
        is_public(address[0]) for *_, address in addresses
    ):
        raise InvalidInput(((), "leads to an address that is not public"), status=400)
    return addresses


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the internet at large. IPv6 forms that hide an IPv4 address
    are looked into.
    """
    from ipaddress import IPv4Address, ip_address, ip_network

    address = ip_address(text)
    if address.version == 4:
        return address.is_global and not address.is_multicast and not address.is_reserved
    # Mapped addresses, and those by which NAT64 reaches the IPv4 internet from networks that have
    # IPv6 alone.
    if address in ip_network("::ffff:0:0/96") or address in ip_network("64:ff9b::/96"):
        return is_public(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    # Teredo and 6to4 can lead to any IPv4 address, and nobody serves images there. All that is in
    # public use is in 2000::/3.
    hides = address in ip_network("2001::/32") or address in ip_network("2002::/16")
    return address.is_global and address in ip_network("2000::/3") and not hides
