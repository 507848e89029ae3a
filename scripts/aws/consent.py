"""Ask the user once before something costs money or is deleted."""

from __future__ import annotations

import sys

from shared.errors import UserError


def require_consent(question: str, yes: bool, otherwise: str) -> None:
    """Return if the user says yes, or has said so with YES=1.

    Raises UserError otherwise, and without a terminal.
    """
    if yes:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UserError(
            f"nobody is there to answer: set YES=1 to go on without the question ({question})"
        )
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
        print()
    if answer.strip().lower() not in ("y", "yes"):
        raise UserError(otherwise)
