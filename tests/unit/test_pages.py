"""The pages name make targets that exist: README.md, CONTRIBUTING.md, and those in docs/."""

import re

import pytest

from scripts.project import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))


def make_targets(text):
    """The targets of the make commands in blocks and spans of code."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in [*"".join(blocks).splitlines(), *re.findall(r"`([^`\n]+)`", rest)]:
        found = re.match(r"(?:\$ )?(?:\w+=\S+ |sudo -E )*make ([^#&;|>]+)", line.strip())
        words = re.sub(r"=\"[^\"]*\"", "=", found[1]).split() if found else []
        yield from (word for word in words if re.fullmatch("[a-z-]+", word))


def test_commands_are_found():
    text = '```sh\nX=1 make build ARGS="--a b" push  # a note\n```\nthen `sudo -E make benchmark`, or `make`\n'
    assert list(make_targets(text)) == ["build", "push", "benchmark"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_on_a_page_exists(page):
    assert set(make_targets(page.read_text())) <= TARGETS
