"""The steps that a page shows, in order: commands with their output, edits of files, whole files.

CONTRIBUTING.md describes the format ("Add a recipe").
"""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from typing import NamedTuple

from scripts.local.ports import free_port
from scripts.project import ROOT

# A heading, or a block of code with its language.
PARTS = re.compile(
    r"^#+ (?P<heading>[^\n]*)$|^```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S
)
FILE = re.compile(r"`([^`\s]+/[^`\s]+)`")  # in a heading
INSTALLING = re.compile(r"^(making \.venv|installing |fetching the Runtime).*\n", re.MULTILINE)
CHANGING = re.compile(r"\b\d+(\.\d+)? (ms|s)\b|\[Makefile:\d+")
ANY_LINES = r"(?:.*\n)*?"


class Command(NamedTuple):
    """A command of a page, and the output that the page shows for it."""

    text: str
    shown: str


class Edit(NamedTuple):
    """A change of a file: a unified diff without line numbers."""

    path: str
    diff: str


class File(NamedTuple):
    """A file with all of its content."""

    path: str
    content: str


def steps_of(page) -> Iterator[Command | Edit | File]:
    """Yield the steps of a page; a file is named by the heading above its block."""
    path = None
    for part in PARTS.finditer((ROOT / page).read_text()):
        if part["heading"] is not None:
            named = FILE.search(part["heading"])
            path = named[1] if named else None
        elif part["language"] == "console":
            for text, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", part["text"], re.M):
                yield Command(text, shown)
        elif part["language"] == "diff":
            assert path, f"{page}: no heading names the file of a diff"
            yield Edit(path, part["text"])
        elif path and part["language"] not in ("", "sh", "text"):
            yield File(path, part["text"])


def commands_of(page):
    """Yield the commands that a page shows, in order, each with the output shown for it."""
    return (step for step in steps_of(page) if isinstance(step, Command))


def edited(text, diff):
    """Return a text after an edit.

    A line `@@` separates hunks. The lines of a hunk that begin with a blank or `-` are in the text
    exactly once; `…` there stands for any number of lines.
    """
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = [(line[:1] or " ", line[1:]) for line in hunk.splitlines()]
        if not lines:
            continue
        assert {sign for sign, _ in lines} <= set("-+ "), hunk
        before = "".join(
            f"({ANY_LINES if line.strip() == '…' else re.escape(line) + chr(10)})"
            for sign, line in lines
            if sign != "+"
        )
        found = list(re.finditer(f"^{before}", text, re.MULTILINE))
        assert len(found) == 1, f"{len(found)} places in the file for this edit:\n{hunk}"
        groups = iter(found[0].groups())
        after = ""
        for sign, line in lines:
            kept = f"{line}\n" if sign == "+" else next(groups)
            after += kept if sign != "-" else ""
        text = text[: found[0].start()] + after + text[found[0].end() :]
    return text


def matches(shown, printed):
    """Return whether the output is as shown: `…` stands for any output, times may differ."""
    parts = [
        re.escape(CHANGING.sub("#", part.strip("\n")))
        for part in INSTALLING.sub("", shown).split("…")
    ]
    return re.fullmatch(
        ".*".join(parts), CHANGING.sub("#", INSTALLING.sub("", printed)).strip("\n"), re.DOTALL
    )


def follow(checkout, page, left_out=()):
    """Carry out the steps of a page in a checkout, and compare the output of its commands.

    left_out: commands that are not run. `make run` serves, as in a terminal of its own, until the
    page ends.
    """
    background = []
    # Without a container, as on the fresh machine of the first page, and on a port that is free.
    variables = {"DOCKER": "no-such-docker", "PORT": str(free_port())}
    try:
        for step in steps_of(page):
            if isinstance(step, Command):
                if step.text not in left_out:
                    background += run_command(checkout, step, variables)
                continue
            path = checkout.root / step.path
            path.write_text(
                step.content if isinstance(step, File) else edited(path.read_text(), step.diff)
            )
    finally:
        stopped = [stop(process) for process in background]
    assert all(output.endswith("\nstopped\n") for output in stopped), stopped


def run_command(checkout, command, variables):
    """Run a command and compare its output. Return a list with its process if it goes on."""
    process = checkout.popen("sh", "-c", command.text, **variables)
    if re.match(r"make run\b", command.text):
        while not process.stdout.readline().startswith("curl "):
            assert process.poll() is None
        return [process]
    printed, _ = process.communicate(timeout=900)
    printed = printed.replace("no-such-docker", "docker")
    assert matches(command.shown, printed), f"$ {command.text}\n{printed}"
    return []


def stop(process):
    """Press Ctrl-C in the terminal of a process; return the rest of its output."""
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    return re.sub(r"^make: .*\n", "", output, flags=re.MULTILINE)


def forget_build(checkout, name):
    """Remove what was made of a project, so that nothing is made yet, as for the reader."""
    shutil.rmtree(checkout.root / name / "build", ignore_errors=True)
