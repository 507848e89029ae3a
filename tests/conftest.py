"""What all tests share: which projects are tested, and that nothing is skipped in CI."""

import functools
import json
import os
import subprocess
import sys

import pytest

from scripts.docker import why_no_container, why_no_engine
from scripts.project import ROOT, Project
from tests.checkout import Checkout


def pytest_addoption(parser):
    parser.addoption("--model", action="append", help="a project folder to test; all of them without it")


KINDS = {"tabular": {"customer", "customers"}, "imaging": {"url", "image", "images"}}  # by what their example requests have
the_project = functools.cache(Project)  # one object for all tests, or else pytest does not see that they can share a fixture


def pytest_generate_tests(metafunc):
    """A test that takes `project` runs for each project; `tabular` for each that takes customers, `imaging` images."""
    chosen = metafunc.config.getoption("--model") or Project.names()
    if "project" in metafunc.fixturenames:
        metafunc.parametrize("project", [the_project(name) for name in chosen], ids=chosen, scope="session")
    for kind in KINDS:
        if kind in metafunc.fixturenames:
            names = of_kind(kind, chosen)
            metafunc.parametrize(kind, [the_project(name) for name in names], ids=names, scope="session")


@pytest.fixture(scope="session")
def projects(pytestconfig):
    """All projects that are tested."""
    return [the_project(name) for name in pytestconfig.getoption("--model") or Project.names()]


@pytest.fixture(scope="session")
def any_project(projects):
    """One project, where it does not matter which."""
    return projects[0]


def of_kind(kind, names):
    """Those of the projects that are of a kind."""
    return [name for name in names if KINDS[kind] & json.loads(Project(name).event_file.read_text()).keys()]


def pytest_collection_modifyitems(items):
    """With MODEL, tests of another kind of project have none to run for: they are left out, where pytest would skip them."""
    items[:] = [
        item for item in items if not any("empty parameter set" in str(mark.kwargs) for mark in item.iter_markers("skip"))
    ]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"


@pytest.fixture(scope="session")
def docker():
    """Skips where there is no Docker engine."""
    if reason := why_no_engine():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def base_image(docker):
    """Skips where there is no base image to build on."""
    if reason := why_no_container(Project(Project.names()[0])):
        pytest.skip(reason)


@pytest.fixture
def run_script():
    """Runs a file of the checkout with the tests' own Python; gives the finished process with its output as text."""

    def run(*arguments, **options):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, **options)

    return run


@pytest.fixture
def checkout(tmp_path):
    """A copy of the checkout that the test may spoil."""
    return Checkout(tmp_path / "checkout")
