"""The error for people: a foreseeable failure ends the command with one line and no traceback."""

import sys
from types import TracebackType


class UserError(Exception):
    """A foreseeable failure. The message says in one line what happened and what to do."""


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, UserError):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


# The one place where it is caught, for every command and for train.py in a project folder.
# Python then exits with status 1, as after any other exception.
sys.excepthook = _show
