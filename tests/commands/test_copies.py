"""A copied folder runs as many tests as the one it is a copy of, and passes them: as it is, and
after its names have changed.
"""

import csv
import json
import shutil

import pytest

from scripts.project import ROOT
from tests.kinds import KINDS, edit, turn_into

pytestmark = pytest.mark.commands

CATEGORIES, NUMBERS = (
    ["contract", "internetservice", "partner"],
    ["tenure", "monthlycharges"],
)  # of 19 columns

# These run for the project that MODEL is where it is not given: the repository's own pages,
# the commands that copy a project, and this file.
OF_DEFAULT = (
    "tests/commands/test_readme.py::",
    "tests/aws/test_page.py::",
    "tests/commands/test_copies.py::",
    "tests/commands/test_eject.py::",
    "tests/commands/test_new.py::",
)


def collected(checkout, name, *arguments):
    """The tests that are collected for a project, with FOLDER for its name, but for those of the
    default project.
    """
    status, output = checkout.python(
        "-m", "pytest", f"--model={name}", "--collect-only", "-q", *arguments
    )
    assert status == 0, output
    return {
        line.replace(name, "FOLDER")
        for line in output.splitlines()
        if "::" in line and not line.startswith(OF_DEFAULT)
    }


def passed(checkout, name, *arguments):
    """Runs tests of a project, without those that take none."""
    status, output = checkout.python("-m", "pytest", f"--model={name}", "--once", "-q", *arguments)
    assert status == 0, output


def made(checkout, name):
    """Trains and exports."""
    for script in ("train.py", "export_onnx.py"):
        status, output = checkout.python(f"{name}/{script}")
        assert status == 0, output


def people(checkout):
    """Return a few columns of the bundled data under other names, as turn_into takes them."""
    with (checkout.root / "shared/data/telco-customer-churn.csv").open(newline="") as file:
        rows = [
            {**{key: row[key] for key in CATEGORIES + NUMBERS}, "gone": row["churn"] == "yes"}
            for row in csv.DictReader(file)
        ]
    for row in rows:
        row.update({key: json.loads(str(row[key])) for key in NUMBERS})
    labels = ["False", "True"]
    return rows, {
        "categories": CATEGORIES,
        "numbers": NUMBERS,
        "target": "gone",
        "labels": labels,
    }


@pytest.fixture
def checkout(checkout):
    """A checkout that can be copied once more, as the tests in it do."""
    checkout.make_repository()
    # The bytecode of the tests, or else each collection would compile them all: 7 s.
    for cache in (ROOT / "tests").rglob("__pycache__"):
        # Python writes it under another name first.
        unfinished = shutil.ignore_patterns("*.pyc.*")
        shutil.copytree(cache, checkout.root / cache.relative_to(ROOT), ignore=unfinished)
    return checkout


def test_a_copy_runs_and_passes_the_same_tests(checkout, default_project):
    name = "fraud-sklearn"
    checkout.copy(default_project, name)
    made(checkout, name)
    assert sorted(collected(checkout, name) ^ collected(checkout, default_project.name)) == []
    passed(checkout, name, name, "-k", "quality")


def test_a_copy_with_other_columns_and_names_runs_and_passes_the_same_tests(
    checkout, default_project
):
    name = "titanic"
    turn_into(checkout.copy(default_project, name), *people(checkout))
    untrained = collected(checkout, name)  # its kind is known before there is a model
    tests = collected(checkout, default_project.name)
    its_own = {test for test in tests if test.startswith("FOLDER/")}
    assert its_own and sorted(untrained ^ (tests - its_own)) == []
    made(checkout, name)
    trained_once = [
        "tests/unit",
        "tests/projects/test_projects.py",
        "tests/projects/test_tabular.py",
        "-k",
        "not seed",
    ]
    passed(checkout, name, *trained_once)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_for_another_kind_of_model_runs_and_passes_the_same_tests(
    checkout, default_project, kind
):
    folder = checkout.copy(default_project, "zebra")
    turn_into(folder, *KINDS[kind]())
    made(checkout, "zebra")
    tests = collected(checkout, default_project.name)
    its_own = {test for test in tests if test.startswith("FOLDER/")}
    assert sorted(collected(checkout, "zebra") ^ (tests - its_own)) == []
    names = ["unit/test_handlers", "projects/test_projects", "projects/test_tabular"]
    passed(checkout, "zebra", *(f"tests/{name}.py" for name in names), "-k", "not seed")


def test_a_copied_image_project_collects_the_same_tests(checkout, imaging):
    checkout.copy(imaging, "copied-images")
    edit(
        checkout.root / "copied-images/event.json",
        ('"image"', '"images"'),
        (': "', ': [{"image": "'),
        ('"\n}', '"}]\n}'),
    )
    assert collected(checkout, "copied-images") == collected(checkout, imaging.name)


def test_a_handler_of_no_known_kind_is_reported(checkout, any_project):
    (checkout.root / any_project.name / "lambda_function.py").write_text(
        "def lambda_handler(event, context): return {}\n"
    )
    shutil.rmtree(checkout.root / any_project.name / "build", ignore_errors=True)
    status, output = checkout.python(
        "-m", "pytest", f"--model={any_project.name}", "--collect-only", "-q"
    )
    assert (
        status != 0
        and f"{any_project.name} is of no kind that the tests know" in output
        and "Traceback" not in output
    )
