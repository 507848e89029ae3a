"""Every command that a page shows is run, and prints what the page shows.

tests/pages.py describes the format. Lines about installing are left out on both sides: here all is
installed.
"""

import re
from pathlib import Path

import pytest

from scripts.project import ROOT
from tests.pages import commands_of, edited, follow, forget_build, matches
from tests.plugin import owner_of

PAGES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/**/*.md")]
)
# tests/aws and tests/commands/test_eject.py run their commands.
ELSEWHERE = {Path(f"docs/{name}.md") for name in ("deploy", "models-in-s3", "your-project")}
RECIPES = Path("docs/recipes")  # tests/recipes follows them
NOT_RUN = {"make test"}  # this is a part of it


def test_the_comparison_can_fail():
    assert matches(
        "wrote x in 0.1 s\n… end\n", "making .venv\nwrote x in 22 s\nand more\nat the end\n"
    )
    assert not matches("auc 0.843\n", "auc 0.842\n")


def test_an_edit_replaces_lines_that_are_there_once():
    text = "a = [\n    1,\n    2,\n]\nb = 3\n\nc = 4\n"
    assert edited(text, "-a = [\n-…\n-]\n+a = []\n b = 3\n") == "a = []\nb = 3\n\nc = 4\n"
    assert edited(text, " b = 3\n\n+x = 5\n@@\n-c = 4\n").endswith("b = 3\n\nx = 5\n")
    for diff in ("-d = 4\n", "-b = 3\n@@\n-b = 3\n"):
        with pytest.raises(AssertionError, match="0 places"):
            edited(text, diff)
    with pytest.raises(AssertionError, match="2 places"):
        edited(text + text, "-b = 3\n")


@pytest.mark.parametrize(
    "page",
    [
        page
        for page in PAGES
        if page not in ELSEWHERE and page.parent != RECIPES and owner_of(ROOT / page) is None
    ],
    ids=str,
)
def test_commands_of_a_page(checkout, page, default_project):
    """Pages of no project: their commands without MODEL are for the default project."""
    run_commands(checkout, page, default_project)


def test_commands_of_a_project_s_page(checkout, project):
    run_commands(checkout, Path(project.name, "README.md"), project)


def run_commands(checkout, page, project):
    """Runs a page's commands in order, and compares what they print with the page."""
    forget_build(checkout, project.name)
    follow(checkout, page, NOT_RUN)


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
