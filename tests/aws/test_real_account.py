"""The life of a project on a real account: `AWS_PROFILE=… AWS_REGION=… make test ARGS="-m aws"`. It
deletes all that it made.
"""

import json
import re

import pytest
import requests

pytestmark = pytest.mark.aws


def test_the_whole_life(checkout, project):
    name = f"MODEL={project.name}"

    def make(*arguments, ok=True):
        status, output = checkout.make(*arguments, name, "YES=1")
        assert (status == 0) == ok, output
        return output

    example = json.loads(project.event_file.read_text())
    try:
        make("push")
        output = make("deploy")
        assert "live is version 1" in output and re.match(
            r"AWS account \d{12}, region \S+, as ", output
        )
        url = make("url").splitlines()[-1]
        assert requests.post(f"{url}/predict", json=example, timeout=60).status_code == 200
        assert json.loads(make("invoke").split("\n", 1)[1])
        assert "has the same content" in make("push") and "is up to date" in make("deploy")
        settings = checkout.root / project.name / "function.toml"
        settings.write_text(
            re.sub("^timeout = .*", "timeout = 20", settings.read_text(), flags=re.MULTILINE)
        )
        assert "version 2 gets 10% of the calls" in make("deploy", "CANARY=10")
        assert "live is version 2" in make("promote")
        assert "live is version 1" in make("rollback")
        make("logs", "SINCE=1h")
    finally:
        assert f"nothing of {project.name} is left" in make("destroy", "YES=1")
