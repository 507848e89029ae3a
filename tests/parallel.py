"""How the tests are shared out to processes, with `pytest -n 4 --dist loadscope`: what belongs
together, the longest first.

The processes do not disturb each other: ports, and the names of images and containers, follow from
    each one's own folders.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

from scripts.project import Project

PROJECTS = Project.names()
# Where the tests share nothing that takes time to make, but for TOGETHER.
ALONE = ("tests/commands/", "tests/recipes/")
TOGETHER = "tests/commands/test_serving.py"
# What is shared out last must be short, or all wait for it.
FIRST: tuple[str, ...] = (
    "tests/recipes/",
    "tests/commands/test_eject",
    "tests/aws/test_cut_short",
    "tests/aws/test_updates",
    "tests/benchmarks/",
    "tests/aws/",
    "tests/commands/test_copies",
    "tests/commands/test_readme",
    "tests/projects/test_images.py",
)
FIRST += tuple(f"{name}/" for name in PROJECTS)
LAST = ("tests/container/", "tests/unit/")


class Groups(LoadScopeScheduling):
    """The tests of a module for one project are done by one process, so that what its fixtures make
    is made once.
    """

    def _split_scope(self, nodeid):
        """The name of the group of a test."""
        module, _, test = nodeid.partition("::")
        if module.startswith(ALONE) and module != TOGETHER:
            return nodeid
        return "-".join([module, *filter(test.count, PROJECTS)])


class LongestFirst:
    """A plugin of its own, because pytest itself moves tests that share a fixture after
    `pytest_collection_modifyitems`.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        """Sort the tests in the processes that run them."""
        if hasattr(config, "workerinput"):
            items.sort(key=lambda item: rank(item.nodeid))


def rank(nodeid):
    """The smaller, the sooner a test is shared out."""
    ranks = {start: at - len(FIRST) for at, start in enumerate(FIRST)} | {
        start: at + 1 for at, start in enumerate(LAST)
    }
    return next((at for start, at in ranks.items() if nodeid.startswith(start)), 0)


def pytest_configure(config):
    """Keep the order of LongestFirst."""
    config.option.loadscopereorder = (
        False  # which is by their number of tests: the groups with few take longest here
    )
    config.pluginmanager.register(LongestFirst(), "longest-first")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Use Groups for `--dist loadscope`."""
    return Groups(config, log) if config.getoption("dist") == "loadscope" else None
