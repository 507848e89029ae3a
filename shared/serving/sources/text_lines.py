"""Split bytes into lines of text, and parse each line alone: a bad line costs no other."""

from __future__ import annotations

from collections.abc import Callable

from shared.serving.errors import InvalidInput
from shared.serving.sources.byte_ranges import LONGEST_LINE

Row = tuple[dict, dict]  # the model's features, and the columns that the model does not know
Line = Row | InvalidInput | None  # a row, or why the line is not one; None for a blank line
NOT_TEXT = InvalidInput(((), "is not UTF-8 text"))


def lines_of(block: bytes) -> list[str | InvalidInput]:
    """Return lines as text without their ends, LF or CRLF. A line that is not UTF-8, or is too
    long, is an InvalidInput in its place.
    """
    try:
        if len(block) > LONGEST_LINE:
            raise ValueError
        lines: list = block.decode().split("\n")  # str.splitlines would split at U+2028 too
    except ValueError:  # UnicodeDecodeError is one
        lines = [_decode(line) for line in block.split(b"\n")]
    if block.endswith(b"\n") or not block:
        lines.pop()
    if b"\r" in block:
        lines = [line.removesuffix("\r") if isinstance(line, str) else line for line in lines]
    return lines


def parse_each(lines: list[str | InvalidInput], parse: Callable) -> list:
    """Return the result of `parse` for each line. Refusals with the same text are one object: ten
    thousand exceptions take long to keep.
    """
    refused: dict[str, InvalidInput] = {}  # by line
    alike: dict[tuple, InvalidInput] = {}  # by problems
    found = []
    for line in lines:
        if isinstance(line, str):
            row = refused.get(line) or parse(line)
            if type(row) is InvalidInput:
                row = refused[line] = alike.setdefault(row.problems, row)
            found.append(row)
        else:
            found.append(line)
    return found


def _decode(line: bytes) -> str | InvalidInput:
    if len(line) > LONGEST_LINE:
        return InvalidInput(((), f"has more than {LONGEST_LINE:,} bytes"))
    try:
        return line.decode()
    except UnicodeDecodeError:
        return NOT_TEXT
