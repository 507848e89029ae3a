"""Both ways in which a project is served on this machine."""

import pytest


@pytest.fixture(scope="session", params=["bare", "container"])
def way(request):
    """The variables that make a command serve without a container, or in one; skips where there can
    be no container.
    """
    if request.param == "bare":
        return {"DOCKER": "no-such-docker"}
    request.getfixturevalue("base_image")
    return {}
