"""The commands of the pages on AWS, run in their order against a local AWS of their own."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from scripts.aws.send import SOURCES
from scripts.project import ROOT
from scripts.settings import DEFAULTS
from tests.aws.checkout import EVENT_SOURCES, HOST, LocalAwsCheckout
from tests.aws.test_switches import given, resolved
from tests.pages import commands_of, matches

pytestmark = pytest.mark.commands

PAGE = Path("docs/deploy.md")
IN_BUCKETS = (
    "LOCAL_AWS_HOST=",
    "SOURCE=bucket",
    "make score",
)  # where functions may reach the local AWS: see checkout.py


def test_the_page_sends_an_event_to_each_source():
    sent = {
        command.split("SOURCE=")[1].split()[0]
        for command, _ in commands_of(PAGE)
        if "make send" in command
    }
    assert sent == set(SOURCES)


def test_the_page_lists_the_resources_that_each_setting_adds(any_project):
    sections = re.findall(
        r"^###? [^\n]*: `([^`\n]+)`\n(.*?)(?=^##)",
        (ROOT / PAGE).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    shown = {}
    for setting, text in sections:
        [(key, value)] = tomllib.loads(setting).items()
        [names] = re.findall(r"^Adds: (.*)\.$", text, re.MULTILINE)
        shown[key] = set(re.findall(r"`(\w+)`", names))
        needed = {"bucket": True} if key == "bulk" else {}  # without it, bulk is refused
        before = resolved(given(any_project, **needed))
        after = resolved(given(any_project, **needed, **{key: value}))
        assert shown[key] == after.keys() - before.keys()
        old = "false" if value is True else '""'
        new = "true" if value is True else f'"{value}"'
        command = f"sed -i.bak 's/^{key} = {old}/{key} = {new}/' "
        assert command in text and DEFAULTS[key] in (False, "")
    assert shown.keys() == {*EVENT_SOURCES, "schedule"}


@pytest.mark.parametrize("page", [PAGE, Path("docs/models-in-s3.md")], ids=str)
def test_the_page(base_image, default_project, tmp_path, page, request):
    if page != PAGE:
        request.getfixturevalue("reachable")
    local_aws_checkout = LocalAwsCheckout(tmp_path / "checkout")
    (local_aws_checkout.checkout.root / default_project.name / "build/pushed.json").unlink(
        missing_ok=True
    )
    try:
        for command, shown in commands_of(page):
            if not HOST and any(word in command for word in IN_BUCKETS):
                continue
            variables = {
                "AWS_PORT": str(local_aws_checkout.port),
                "LOCAL_AWS_HOST": "",
                "MODEL": default_project.name,
            }
            process = local_aws_checkout.checkout.popen("sh", "-c", command, **variables)
            printed, _ = process.communicate(timeout=300)
            printed = printed.replace(f"127.0.0.1:{local_aws_checkout.port}", "127.0.0.1:4566")
            assert matches(shown, printed), f"$ {command}\n{printed}"
        settings = f"{default_project.name}/function.toml"
        assert (local_aws_checkout.checkout.root / settings).read_text() == (
            ROOT / settings
        ).read_text()
    finally:
        local_aws_checkout.make("local-aws-stop", "FORGET=1")
        shutil.rmtree(local_aws_checkout.checkout.root, ignore_errors=True)
