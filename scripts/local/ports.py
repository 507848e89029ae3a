"""Ports on 127.0.0.1."""

from __future__ import annotations

import errno
import re
import socket

from shared.errors import UserError


def port_number(text: str) -> int:
    """Return the port that an option names. Raises UserError when it is not a port."""
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise UserError(f"PORT={text} is not a port: choose a number from 1 to 65535")
    return int(text)


def require_free(port: int, setting: str = "PORT") -> None:
    """Raise UserError unless a server can listen on 127.0.0.1:port.

    setting: the variable that chooses the port, for the message.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = (
                "is in use: stop the other process, or"
                if getattr(error, "errno", 0) == errno.EADDRINUSE
                else f"cannot be used ({error}):"
            )
            raise UserError(
                f"port {port} {reason} choose another with {setting}={free_port()}"
            ) from None


def free_port() -> int:
    """Return a port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
