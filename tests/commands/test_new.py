"""make new: a copy that runs at once, and the names that it refuses."""

import json

import pytest

from scripts import new
from scripts.project import Project
from shared.errors import UserError

pytestmark = pytest.mark.commands


def test_a_new_project_runs_at_once(checkout, default_project):
    status, output = checkout.make("new", "NAME=fraud-model", f"FROM={default_project.name}/")
    assert status == 0, output
    folder = checkout.root / "fraud-model"
    places = ["train.py", "lambda_function.py", "event.json"]
    assert [line.split()[0] for line in output.splitlines() if line.startswith("  ")] == [
        f"fraud-model/{name}" for name in places
    ]
    left_out = {path.name for path in default_project.folder.glob("test_*.py")} | {"build"}
    assert not left_out & {path.name for path in folder.iterdir()}
    assert default_project.name not in (folder / "lambda_function.py").read_text()
    status, output = checkout.make("demo", "MODEL=fraud-model", DOCKER="no-such-docker")
    assert status == 0 and "The function has responded and is stopped." in output, output
    built = json.loads((folder / "build/exported.json").read_text())
    assert built["project"] == "fraud-model"


@pytest.mark.parametrize(
    "name",
    ["Wine", "a b", "a/b", "../a", "a_b", "a.b", "a--b", "a-", "1a", "", "ä", "a'b", "a" * 65],
)
def test_a_name_that_docker_or_aws_refuses(name):
    with pytest.raises(UserError, match="cannot name a project: use at most 64"):
        new.require_new(name)


@pytest.mark.parametrize("name", ["shared", "scripts", "tests", "docs", "build", "uv", "lint"])
def test_a_name_that_is_taken(name):
    with pytest.raises(UserError, match=f"^NAME={name} is taken: choose another name$"):
        new.require_new(name)


def test_the_longest_name():
    new.require_new("a" * 64)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["NAME=", "FROM="], "NAME is missing: write `make new NAME=my-project`"),
        (["NAME=fraud", "FROM=a b"], "FROM=a b is not a project folder; choose one of "),
    ],
)
def test_bad_use_is_one_line(checkout, given, message):
    status, output = checkout.make("new", *given)
    assert status != 0 and output.startswith(message), output
    assert output.count("\n") == 2  # with make's own


def test_a_folder_that_cannot_be_written_is_one_line(any_project, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", "fraud")

    monkeypatch.setattr(new.shutil, "copytree", refuse)
    with pytest.raises(UserError, match=r"^fraud cannot be written: .*Permission denied"):
        new.copy(any_project, "fraud")
    assert "fraud" not in Project.names()
