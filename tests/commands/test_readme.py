"""Every command that a page shows is run, and prints what the page shows.

A block of ```console holds commands after `$ ` and what they print. `…` stands for any output;
times may differ. `make run` serves, in a terminal of its own, until the page ends. Lines about
installing are left out on both
sides: here all is installed.
"""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from scripts.local.ports import free_port
from scripts.project import ROOT
from tests.plugin import owner_of

PAGES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/**/*.md")]
)
ON_AWS = {Path("docs/deploy.md"), Path("docs/models-in-s3.md")}  # tests/aws runs its commands
NOT_RUN = {"make test"}  # this is a part of it
INSTALLING = re.compile(r"^(making \.venv|installing |fetching the Runtime).*\n", re.MULTILINE)
CHANGING = re.compile(r"\b\d+(\.\d+)? (ms|s)\b|\[Makefile:\d+")


def commands_of(page):
    """The commands that a page shows, in order, each with the output that it shows for it."""
    for block in re.findall(
        r"^```console\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def matches(shown, printed):
    """Whether the output is as shown."""
    parts = [
        re.escape(CHANGING.sub("#", part.strip("\n")))
        for part in INSTALLING.sub("", shown).split("…")
    ]
    return re.fullmatch(
        ".*".join(parts), CHANGING.sub("#", INSTALLING.sub("", printed)).strip("\n"), re.DOTALL
    )


def test_the_comparison_can_fail():
    assert matches(
        "wrote x in 0.1 s\n… end\n", "making .venv\nwrote x in 22 s\nand more\nat the end\n"
    )
    assert not matches("auc 0.843\n", "auc 0.842\n")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page not in ON_AWS and owner_of(ROOT / page) is None],
    ids=str,
)
def test_commands_of_a_page(checkout, page, default_project):
    """Pages of no project: their commands without MODEL are for the default project."""
    run_commands(checkout, page, default_project)


def test_commands_of_a_project_s_page(checkout, project):
    run_commands(checkout, Path(project.name, "README.md"), project)


def run_commands(checkout, page, project):
    """Runs a page's commands in order, and compares what they print with the page."""
    background = []
    shutil.rmtree(
        checkout.root / project.name / "build", ignore_errors=True
    )  # nothing is made yet, as for the reader
    # Without a container, as on the fresh machine of the first page, and on a port that is free.
    variables = {"DOCKER": "no-such-docker", "PORT": str(free_port())}
    try:
        for command, shown in commands_of(page):
            if command in NOT_RUN:
                continue
            process = checkout.popen("sh", "-c", command, **variables)
            if re.match(r"make run\b", command):
                background.append(process)
                while not process.stdout.readline().startswith("curl "):
                    assert process.poll() is None
                continue
            printed, _ = process.communicate(timeout=900)
            printed = printed.replace("no-such-docker", "docker")
            assert matches(shown, printed), f"$ {command}\n{printed}"
    finally:
        stopped = [stop(process) for process in background]
    assert all(output.endswith("\nstopped\n") for output in stopped), stopped


def stop(process):
    """Press Ctrl-C in the terminal of a process; return the rest of its output."""
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    return re.sub(r"^make: .*\n", "", output, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_reader_can_paste_each_command(page):
    """Also on macOS, whose `sed -i` takes a suffix, and with a curl before 7.82, which knows no
    --json.
    """
    shell = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    for command in [
        *(command for command, _ in commands_of(page)),
        *(line for block in shell for line in block.splitlines()),
    ]:
        assert not re.search(r"…|sed -i |--json\b|&\s*$", command), command


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_each_file_that_a_page_changes_is_put_back(page):
    commands = [command for command, _ in commands_of(page)]
    for at, command in enumerate(commands):
        if changed := re.match(r"sed -i\.bak .* (\S+)$", command):
            assert f"mv {changed[1]}.bak {changed[1]}" in commands[at:], command


def anchors_of(path):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(
        r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", (ROOT / page).read_text()
    ):
        path = (ROOT / page.parent / target) if target else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors_of(path), f"{target}#{anchor}"


def test_every_target_of_the_makefile_is_explained():
    makefile = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE))
    assert set(phony.split()) - {"packages", "model"} == set(
        re.findall(r"^([a-z-]+):.*## .+", makefile, re.MULTILINE)
    )
