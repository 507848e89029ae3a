"""make eject: a repository that stands alone, and the fixes that reach it later."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts.project import ROOT, Project
from tests.checkout import Checkout
from tests.pages import commands_of, matches

pytestmark = pytest.mark.commands

PAGE = Path("docs/your-project.md")
NAME = "fraud-sklearn"  # on the page
IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Test"), ("EMAIL", "test@localhost"))
}


def git(folder, *arguments):
    """What git prints in a folder, and its status."""
    ran = subprocess.run(
        ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return ran.stdout + ran.stderr, ran.returncode


@pytest.fixture
def ejected(checkout, default_project):
    """The repository of a new project, as the page says."""
    checkout.make_repository()
    for command in (["new", f"NAME={NAME}"], ["eject", f"MODEL={NAME}", "DIR=../fraud"]):
        status, output = checkout.make(*command)
        assert status == 0, output
    return Checkout.of(checkout.root.parent / "fraud")


def test_an_ejected_repository_stands_alone(ejected, default_project):
    others = [name for name in Project.names() if name != NAME]
    assert not [name for name in others if (ejected.root / name).exists()]
    assert git(ejected.root, "status", "--short") == ("", 0)
    found, _ = git(ejected.root, "grep", "-l", "-w", default_project.name)
    # Only where its own page says which project it is a copy of.
    assert found.splitlines() == [f"{NAME}/README.md"]
    status, output = ejected.make("demo", DOCKER="no-such-docker")
    assert status == 0 and "The function has responded and is stopped." in output, output
    for page in [*ejected.root.glob("*.md"), *ejected.root.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page, target)
    checks = ["tests/unit", "tests/projects"]
    status, output = ejected.python("-m", "pytest", f"--model={NAME}", "-q", *checks)
    assert status == 0, output


def test_fixes_reach_an_ejected_repository(checkout, ejected):
    train = ejected.root / NAME / "train.py"
    train.write_text("# mine\n")
    assert git(ejected.root, "commit", "--quiet", "--all", "--message", "mine")[1] == 0
    for path in (checkout.root / "shared/git.py", checkout.root / NAME / "train.py"):
        path.write_text(f"{path.read_text()}# a fix\n")
    for command in commands_of(PAGE):
        process = checkout.popen("sh", "-c", command.text, **IDENTITY)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and matches(command.shown, printed), printed
    assert (ejected.root / "shared/git.py").read_text().endswith("# a fix\n")
    assert train.read_text() == "# mine\n"
    assert git(ejected.root, "status", "--short") == ("", 0)


def test_a_merge_does_not_reach_a_renamed_project(tmp_path, any_project):
    """As the page says: with the detection of renames, the edit would be in the new folder."""
    content = (any_project.folder / "train.py").read_text()
    shown = [
        line for line in (ROOT / PAGE).read_text().splitlines() if line.startswith("git merge")
    ]
    assert shown == ["git merge -s resolve upstream/main"]
    (tmp_path / "old").mkdir()
    (tmp_path / "old/train.py").write_text(content)
    steps = [
        ["init", "--quiet", "--initial-branch=upstream"],
        ["add", "."],
        ["commit", "--quiet", "--message=1"],
        ["switch", "--quiet", "--create", "mine"],
        ["mv", "old", "new"],
        ["commit", "--quiet", "--message=2"],
        ["switch", "--quiet", "upstream"],
    ]
    for step in steps:
        assert git(tmp_path, *step)[1] == 0, step
    (tmp_path / "old/train.py").write_text(f"{content}# theirs\n")
    assert git(tmp_path, "commit", "--quiet", "--all", "--message=3")[1] == 0
    assert git(tmp_path, "switch", "--quiet", "mine")[1] == 0
    assert git(tmp_path, "merge", "-s", "resolve", "upstream")[1] != 0
    assert git(tmp_path, "status", "--short") == ("DU old/train.py\n", 0)
    assert (tmp_path / "new/train.py").read_text() == content


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "DIR is missing: write `make eject DIR=../my-repository`"),
        ("out", "is inside of this checkout: choose a folder outside of it"),
        ("..", "is not empty: choose a new folder"),
        ("/proc/none", "cannot be written: "),
        ("../checkout/Makefile", "is inside of this checkout"),
    ],
)
def test_bad_use_is_one_line(checkout, given, message):
    checkout.make_repository()
    status, output = checkout.make("eject", f"DIR={given}")
    assert status != 0 and message in output and output.count("\n") == 2, output


def test_without_git_there_is_one_line(checkout):
    status, output = checkout.make("eject", "DIR=../out")
    assert status != 0 and output.startswith("make eject needs Git"), output
