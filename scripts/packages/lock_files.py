"""Read requirement files: `*.in` for the chosen packages, `*.txt` compiled from it.

`make lock` compiles them: scripts/packages/lock.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
EXACT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")


@dataclass(frozen=True)
class Pin:
    """A locked package: its normalized name, its version and its lines with marker and hashes.

    chosen: whether the .in file names it, so that it is not only a dependency of another package.
    """

    name: str
    version: str
    text: str
    chosen: bool


def read_lock(path: Path) -> list[Pin]:
    """Parse a compiled .txt file. Raises UserError if a line is not an exact version."""
    pins = []
    for block in re.split(r"(?m)^(?=[^\s#])", _read(path))[1:]:
        exact = EXACT.match(block)
        if not exact or "--hash=" not in block:
            line = block.splitlines()[0]
            raise UserError(f"{_shown(path)} is not locked at {line!r}: run `make lock`")
        lines = [line for line in block.splitlines() if not re.match(r"\s*(#|$)", line)]
        chosen = re.search(r"(?m)^\s*#.* -r \S+\.in$", block) is not None
        pins.append(Pin(normalized(exact[1]), exact[2], "\n".join(lines) + "\n", chosen))
    return pins


def read_current_lock(path: Path) -> list[Pin]:
    """Parse a compiled .txt file. Raises UserError if the .in file beside it was changed since.

    Markers are not compared.
    """
    source, pins = path.with_suffix(".in"), read_lock(path)
    differing = read_choices(source) ^ {(pin.name, pin.version) for pin in pins if pin.chosen}
    if differing:
        name = min(differing)[0]
        raise UserError(
            f"{_shown(source)} and {path.name} differ in {name}: run `make lock`, which compiles "
            "the second from the first"
        )
    return pins


def normalized(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_choices(path: Path) -> set[tuple[str, str]]:
    """Return the names and versions in a .in file and in those that it includes by -r."""
    found = set()
    for line in _read(path).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        included = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line)
        exact = EXACT.match(line)
        if included:
            found |= read_choices(path.parent / included[1])
        elif exact:
            found.add((normalized(exact[1]), exact[2]))
        elif line and not line.startswith("-"):
            raise UserError(
                f"{_shown(path)} has no exact version in {line!r}: write NAME==VERSION, then run "
                "`make lock`"
            )
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{_shown(path)} cannot be read: {error}") from None


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
