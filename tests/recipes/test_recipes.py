"""Each recipe works as it is shown, and its project passes the tests of all projects: in a container
and on a local AWS too.
"""

import re

import pytest

from scripts.project import ROOT
from tests.pages import commands_of, follow

pytestmark = pytest.mark.commands

PAGE = ROOT / "docs/recipes/README.md"
RECIPES = sorted(path for path in PAGE.parent.glob("*.md") if path != PAGE)


def made_by(checkout, page):
    """Follow a page; return the name of the project that it makes."""
    first = next(commands_of(page)).text
    made = re.match(r"make (?:new NAME|import MODEL)=(\S+)", first)
    assert made, first
    follow(checkout, page)
    return made[1]


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_works_as_it_is_shown(checkout, page):
    made_by(checkout, page)


@pytest.mark.recipes
@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_the_project_of_a_recipe_passes_the_tests_of_all_projects(checkout, page):
    name = made_by(checkout, page)
    checkout.make_repository()
    status, output = checkout.make("test", f"MODEL={name}", "ARGS=--once -n 2")
    assert status == 0, output


def test_the_table_lists_each_recipe():
    listed = re.findall(r"^\| \[(\S+\.md)\]\(\1\) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == [path.name for path in RECIPES]
