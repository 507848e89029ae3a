"""Explain why a function under the emulator failed, from a line of the log or its error."""

from __future__ import annotations

import re

EXPLANATIONS = (
    (
        r"Process runtime-\d+ exited: signal: killed|Runtime exited with error: signal: killed",
        "the function was killed, most likely because it needs more memory than function.toml "
        "gives it",
    ),
    (
        r"Runtime\.ImportModuleError: (.+?)(?:Traceback|$)",
        r"the function does not start: \1; the image has lambda_*.py of the project, and the "
        r"packages of its requirements.txt (docs/your-project.md)",
    ),
    (
        r"^(\[ERROR\] )?BdbQuit\b",
        "breakpoint() needs a terminal, and a function has none: call the handler without the "
        "emulator (docs/troubleshooting.md)",
    ),
    (
        r"ReserveFailed: AlreadyReserved",
        "the emulator was sent two requests at once, which crashes it: send one at a time (Lambda "
        "takes any number)",
    ),
)


def explained_failure(text: str) -> str | None:
    """Return one line for the user about a failure that the text reports, or None.

    text: a line of the log, not one of the function's own JSON lines, or `type: message` of an
        error.
    """
    if text.startswith("{"):
        return None
    for pattern, explanation in EXPLANATIONS:
        if found := re.search(pattern, text.rstrip()):
            return found.expand(explanation)
    return None
