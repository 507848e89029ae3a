"""The workflows on GitHub: what they run exists, and they keep no key."""

import re

import pytest
import yaml

from scripts.project import ROOT

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_targets_that_exist(path):
    makefile = (ROOT / "Makefile").read_text()
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        assert job["timeout-minutes"]
        commands = [step["run"] for step in job["steps"] if "run" in step]
        targets = [word for command in commands for word in command.split()[1:] if re.fullmatch(r"[a-z-]+", word)]
        assert targets and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_deploying_needs_no_key():
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert yaml.safe_load(text)["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in text and "access-key" not in text
