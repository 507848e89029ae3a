"""Fixtures and options of all tests, also of those in project folders: select the projects to test,
and report what is left out.

pyproject.toml loads this as a plugin, because a conftest.py would not reach the project folders.
"""

import ast
import functools
import importlib.util
import os
import subprocess
import sys

import pytest

from scripts.local.docker import why_no_engine
from scripts.local.images import why_no_container
from scripts.project import ROOT, Project
from shared.errors import UserError
from tests import leftovers, offline
from tests.checkout import Checkout

# A fixture of the projects of a kind: how their tasks begin, and the module with which their
# handlers read requests.
KINDS = {
    "tabular": (("tabular-", "text-"), "shared.serving.tabular"),
    "imaging": (("image-",), "shared.serving.images.requests"),
}
FILES = {
    "_tabular": "tabular",
    "_image": "imaging",
}  # files with that in their name import what such projects alone install
TAKE_A_PROJECT = {"project", "default_project", "image", "tabular_image", "imaging_image", *KINDS}
the_project = functools.cache(
    Project
)  # one object for all tests, or else pytest does not see that they can share a fixture


def pytest_addoption(parser):
    """Add the options that choose projects."""
    parser.addoption(
        "--model", action="append", help="a project folder to test; all of them without it"
    )
    parser.addoption(
        "--once",
        action="store_true",
        help="leave out the tests that take no project: another run has them",
    )


def pytest_configure(config):
    """Block other machines, and add the folders of the chosen projects."""
    offline.install()
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args += [str(ROOT / name) for name in chosen(config)]
    if of_kind("imaging", chosen(config)) and not importlib.util.find_spec("PIL"):
        names = ", ".join(of_kind("imaging", chosen(config)))
        raise pytest.UsageError(
            f"no Pillow here for {names}: run `make test MODEL=folder`, or choose other projects "
            "with --model"
        )


def chosen(config):
    """The names of the projects that are tested."""
    return config.getoption("--model") or Project.names()


@functools.cache
def kind_of(name):
    """A key of KINDS, by the model's `task`; before there is a model, by how the handler reads its
    requests.
    """
    project = the_project(name)
    if project.model_file.exists():
        try:
            task = project.metadata()["task"]
        except UserError as error:
            raise pytest.UsageError(str(error)) from None
        found = [kind for kind, (starts, _) in KINDS.items() if task.startswith(starts)]
    else:
        tree = ast.parse((project.folder / "lambda_function.py").read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        found = [kind for kind, (_, module) in KINDS.items() if module in modules]
    if len(found) != 1:
        raise pytest.UsageError(
            f"{name} is of no kind that the tests know: see KINDS in tests/plugin.py"
        )
    return found[0]


def of_kind(kind, names):
    """Those of the projects that are of a kind."""
    return [name for name in names if kind_of(name) == kind]


def pytest_report_header(config):
    """Say which projects are tested, and of which kinds there are none."""
    lines = [f"projects: {', '.join(f'{name} ({kind_of(name)})' for name in chosen(config))}"]
    lines += [
        f"no {kind} project, so no test of those"
        for kind in KINDS
        if not of_kind(kind, chosen(config))
    ]
    return lines


def pytest_ignore_collect(collection_path, config):
    """Files of a kind without a project, and the tests in folders of projects that are not
    chosen.
    """
    if (kind := kind_of_file(collection_path)) and not of_kind(kind, chosen(config)):
        return True
    owner = owner_of(collection_path)
    return True if owner and owner not in chosen(config) else None


def kind_of_file(path):
    """A key of KINDS, or None for a file of tests that any project's packages are enough for."""
    return next(
        (kind for word, kind in FILES.items() if path.suffix == ".py" and word in path.name), None
    )


def owner_of(path):
    """The name of the project in whose folder a file is, or None."""
    top = path.relative_to(ROOT).parts[0] if path.is_relative_to(ROOT) and path != ROOT else None
    return top if top in Project.names() else None


def pytest_generate_tests(metafunc):
    """A test that takes `project` runs for each project; `tabular` for each that takes rows,
    `imaging` images.

    In a project's folder, `project` is that one. A test without a project is deselected
    below.
    """
    names = chosen(metafunc.config)
    owner = owner_of(metafunc.definition.path)
    default = [name for name in names if name == Project.default()]
    choices = {"project": [owner] if owner else names, "default_project": default}
    choices |= {kind: of_kind(kind, names) for kind in KINDS}
    for fixture, found in choices.items():
        if fixture in metafunc.fixturenames:
            values: list[Project | None] = [the_project(name) for name in found] or [None]
            metafunc.parametrize(fixture, values, ids=found or ["none"], scope="session")


def pytest_collection_modifyitems(config, items):
    """Deselect tests without a project, and those that another run has."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        of_none = any(params.get(fixture, item) is None for fixture in TAKE_A_PROJECT)
        again = (
            config.getoption("--once")
            and not TAKE_A_PROJECT & params.keys()
            and not owner_of(item.path)
        )
        again = again and not kind_of_file(item.path)  # which the other run may not have
        elsewhere = item.get_closest_marker("linux") and sys.platform != "linux"
        (left_out if of_none or again or elsewhere else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def projects(pytestconfig):
    """All projects that are tested."""
    return [the_project(name) for name in chosen(pytestconfig)]


@pytest.fixture(scope="session")
def any_project(projects):
    """One project, where it does not matter which."""
    return projects[0]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Fail a test that is skipped in CI."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = (
            "failed",
            f"skipped, which CI does not allow: {report.longrepr}",
        )


@pytest.fixture(autouse=True)
def nobody_dials_out():
    """Fails a test that tried to reach another machine, whatever became of the exception."""
    offline.REFUSED.clear()
    yield
    assert not offline.REFUSED, f"the test tried to {'; '.join(offline.REFUSED)}"


@pytest.fixture(scope="session")
def docker():
    """Skips where there is no Docker engine."""
    if reason := why_no_engine():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def base_image(docker, projects):
    """Skips where there is no base image to build on. The builds of this process start from the
    base image of the run then (tests/leftovers.py).
    """
    if reason := why_no_container(projects[0]):
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BASE_IMAGE", leftovers.labelled_base(projects))
        yield


@pytest.fixture
def run_script():
    """Runs a file of the checkout with the tests' own Python; gives the finished process with its
    output as text.
    """

    def run(*arguments, **options):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=600, **options
        )

    return run


@pytest.fixture
def checkout(tmp_path):
    """A copy of the checkout that the test may spoil."""
    return Checkout(tmp_path / "checkout")


class Copied:
    """A project in a copied checkout: its build folder, and a function that runs one of its
    scripts.
    """

    def __init__(self, checkout, project):
        self.build = checkout.root / project.name / "build"
        self.run = lambda script, *arguments, **variables: checkout.python(
            f"{project.name}/{script}", *arguments, **variables
        )


@pytest.fixture
def copied(checkout):
    """Gives a project as it is in the copied checkout: copied(project)."""
    return functools.partial(Copied, checkout)
