"""Show the progress of a benchmark, and end it on Ctrl-C."""

from __future__ import annotations

import sys
from typing import NoReturn

CLEAR = "\r\033[K"  # the line of a terminal

interrupted: list[int] = []  # signals


def interrupt(number: int, frame: object) -> NoReturn:
    """Handle Ctrl-C. It is recorded too, because Python loses an exception raised during a fork."""
    interrupted.append(number)
    raise KeyboardInterrupt


def progress(what: str) -> None:
    """Print a line of progress; a terminal overwrites the last one.

    Raises KeyboardInterrupt when that was lost.
    """
    if interrupted:
        raise KeyboardInterrupt
    print(
        f"{CLEAR}{what}" if sys.stdout.isatty() else what,
        end="" if sys.stdout.isatty() else "\n",
        flush=True,
    )
