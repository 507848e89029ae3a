"""The workflows on GitHub: they run what exists and keep no key, and the job that may deploy runs
no package of training.
"""

import json
import os
import re
import subprocess

import pytest
import yaml

from scripts import install
from scripts.packages import lock
from scripts.project import ROOT, Project

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
TRIGGERS = {path.stem: yaml.safe_load(path.read_text())[True] for path in WORKFLOWS}
JOBS = {
    f"{path.stem}-{name}": {"permissions": workflow["permissions"], **job}
    for path in WORKFLOWS
    for workflow in [yaml.safe_load(path.read_text())]
    for name, job in workflow["jobs"].items()
}
TESTS, BUILD, DEPLOY = (JOBS[f"deploy-{name}"] for name in ("test", "build", "deploy"))
RUNNING = {name: job for name, job in JOBS.items() if job is not TESTS}  # it calls another workflow


def commands(job):
    """The lines that a job's steps run."""
    return [line for step in job["steps"] for line in step.get("run", "").splitlines()]


def targets(job):
    """The make targets of a job, with those of .ci/run."""
    ci = re.search(r"set -- (.*)", (ROOT / ".ci/run").read_text())
    assert ci
    lines = [f"make {ci[1]}" if line == ".ci/run" else line for line in commands(job)]
    made = [line.split()[1:] for line in lines if line.split()[:1] == ["make"]]
    return [word for words in made for word in words if "=" not in word]


@pytest.mark.parametrize("job", RUNNING.values(), ids=RUNNING)
def test_a_workflow_runs_targets_that_exist(job):
    makefile = (ROOT / "Makefile").read_text()
    assert job["timeout-minutes"]
    assert targets(job) and all(
        re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets(job)
    )


@pytest.mark.parametrize("job", RUNNING.values(), ids=RUNNING)
def test_an_action_is_pinned_by_its_commit(job):
    for step in job["steps"]:
        assert "run" in step or re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize("job", RUNNING.values(), ids=RUNNING)
def test_no_script_holds_what_a_caller_chose(job):
    """A tag or a branch may be named `$(…)`: what GitHub knows gets into a script by the
    environment alone.
    """
    assert not [line for line in commands(job) if "${{" in line]


def test_deploying_needs_no_key():
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert "secrets." not in text and "access-key" not in text
    assert [name for name, job in JOBS.items() if "id-token" in job["permissions"]] == [
        "deploy-deploy"
    ]
    assert (
        DEPLOY["permissions"] == {"contents": "read", "id-token": "write"}
        and DEPLOY["environment"] == "production"
    )
    assert any(
        f"`repo:OWNER/REPOSITORY:environment:{DEPLOY['environment']}`" in line
        for line in documented()
    )


def documented():
    """The lines of docs/deploy.md."""
    return (ROOT / "docs/deploy.md").read_text().splitlines()


def test_a_tag_is_tested_before_it_is_deployed():
    assert TESTS["uses"] == "./.github/workflows/test.yml" and BUILD["needs"] == "test"
    assert {"lint", "test-all"} <= set(targets(JOBS["test-all"]))
    assert "build" in targets(BUILD) and BUILD["permissions"] == {"contents": "read"}
    assert DEPLOY["needs"] == "build"


def test_the_unit_tests_run_on_every_python_and_on_macos():
    unit = JOBS["test-unit"]
    runs = {
        (run["system"].split("-")[0], run["python"])
        for run in unit["strategy"]["matrix"]["include"]
    }
    oldest, too_new = install.OLDEST, install.TOO_NEW
    pythons = [f"3.{minor}" for minor in range(oldest[1], too_new[1])]
    assert runs >= {*(("ubuntu", python) for python in pythons), ("macos", pythons[-1])}
    assert targets(unit) == ["test-unit"] and "matrix.python" in unit["env"]["PYTHON"]
    # YAML reads the key `on` as True.
    assert {"push", "pull_request", "schedule", "workflow_call"} <= TRIGGERS["test"].keys()


def test_the_base_image_is_one_line_that_the_updater_can_pin():
    """By tag or by digest; Renovate adds the digest (docker:pinDigests) and keeps it fresh."""
    for dockerfile in ROOT.glob("*/Dockerfile"):
        [line] = [text for text in dockerfile.read_text().splitlines() if "public.ecr.aws" in text]
        assert re.fullmatch(r"ARG BASE_IMAGE=[\w./-]+:[\w.-]+(@sha256:[0-9a-f]{64})?", line), line


def test_the_updater_knows_every_lock():
    config = json.loads((ROOT / "renovate.json").read_text())
    assert {"docker:pinDigests", "helpers:pinGitHubActionDigests"} <= set(config["extends"])
    patterns = [pattern.strip("/") for pattern in config["pip-compile"]["managerFilePatterns"]]
    for source in lock.sources():
        path = str(source.relative_to(ROOT).with_suffix(".txt"))
        assert any(re.search(pattern, path) for pattern in patterns), path
    assert not any(re.search(pattern, "scripts/x/y/requirements.txt") for pattern in patterns)


def test_what_may_deploy_trains_and_tests_nothing(any_project):
    """Neither itself nor by a target that another one needs."""
    assert set(targets(DEPLOY)) == {"push", "deploy", "invoke"}
    values = {"MODEL": any_project.name, "GITHUB_SHA": "0" * 40}
    for line in commands(DEPLOY):
        assert "pip" not in line and ".venv" not in line
        if not line.startswith("make "):
            continue
        # As on a fresh machine (--always-make), with the commands printed and not run.
        ran = subprocess.run(
            ["bash", "-c", f"{line} --dry-run --always-make"],
            cwd=ROOT,
            env=clean(values),
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0 and "scripts/" in ran.stdout, ran.stderr
        assert not re.search(
            r"export|model\.py|train\.py|pytest|install\.py .*\b(train|dev)\b", ran.stdout
        ), ran.stdout


def clean(values):
    """The environment of a shell that no make has started, with these variables."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MODEL")
    }
    return {**mine, **values}


def named_by(tag, tmp_path):
    """Runs the step that reads the tag; gives its exit status and what it hands on."""
    [step] = [step for step in BUILD["steps"] if step.get("id") == "project"]
    assert "${{ github.ref_name }}" in step["env"].values()
    handed_on = tmp_path / "output"
    handed_on.touch()
    variables = dict.fromkeys(step["env"], tag) | {"GITHUB_OUTPUT": str(handed_on)}
    ran = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
    )
    return ran.returncode, handed_on.read_text()


@pytest.mark.parametrize("version", ["v1", "v1.2.3", "v2-rc1", "v10"])
def test_a_tag_names_a_project(version, tmp_path):
    for name in Project.names():
        (tmp_path / name).mkdir()
        assert named_by(f"{name}-{version}", tmp_path / name) == (0, f"model={name}\n")


@pytest.mark.parametrize(
    "tag",
    [
        "no-such-project-v1",
        "FOLDER",
        "FOLDER-v",
        "FOLDER-vX",
        "../FOLDER-v1",
        "tests/../FOLDER-v1",
        "FOLDER-v1;touch${IFS}injected",
        "$(touch${IFS}injected)-v1",
        "FOLDER-v1$(touch${IFS}injected)",
        "`touch${IFS}injected`-v1",
        '"FOLDER-v1',
        "FOLDER-v1\nmodel=FOLDER",
        "-v1",
    ],
)
def test_a_tag_that_names_no_project(tag, tmp_path):
    """Nor does it run anything, or hand on more than a name."""
    assert named_by(tag.replace("FOLDER", Project.names()[0]), tmp_path) == (1, "")
    assert not (ROOT / "injected").exists()
