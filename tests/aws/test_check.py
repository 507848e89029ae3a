"""A version that fails on the example request never gets invocations: not in the first
deployment, not as a canary, not by promotion.
"""

import re

import pytest

from tests.aws.checkout import COPY as NAME

pytestmark = pytest.mark.commands

BROKEN = '\nraise RuntimeError("broken at import")\n'


def spoil(local_aws_checkout):
    """Makes the handler fail at import; gives a function that mends it."""
    handler = local_aws_checkout.checkout.root / NAME / "lambda_function.py"
    good = handler.read_text()
    handler.write_text(good + BROKEN)
    return lambda: handler.write_text(good)


def reason(output):
    """The one line with which a deployment ends."""
    *_, message = [line for line in output.splitlines() if not line.startswith("make: ***")]
    assert "Traceback (most recent call last):" not in message
    return message


def test_a_version_that_cannot_start_is_not_made_live(fresh):
    mend = spoil(fresh)
    try:
        for arguments in ([], ["CANARY=10"], []):  # also where the same command is given again
            message = reason(fresh.make("push", "deploy", f"MODEL={NAME}", *arguments, ok=False))
            assert re.match(
                rf"version 2 does not respond to {NAME}/event\.json: .*; live stays version 1; ",
                message,
            ), message
            assert fresh.alias(NAME) == ("1", {})
        assert "live stays version 1" in reason(fresh.make("promote", f"MODEL={NAME}", ok=False))
        assert fresh.alias(NAME) == ("1", {}) and "churn" in fresh.quiet("invoke", f"MODEL={NAME}")
    finally:
        mend()
    output = fresh.make("push", "deploy", f"MODEL={NAME}")
    assert f"version 3 responds to {NAME}/event.json" in output and fresh.alias(NAME) == ("3", {})
    fresh.make("rollback", f"MODEL={NAME}")
    assert fresh.alias(NAME) == ("1", {})  # not 2, which never was live


def test_a_first_version_that_cannot_start_is_called_by_nothing(mine):
    mine.clear(NAME)
    mend = spoil(mine)
    try:
        message = reason(mine.make("push", "deploy", f"MODEL={NAME}", ok=False))
        assert re.match(
            r"version 1 does not respond to .*; nothing is live, and no event source is connected; ",
            message,
        ), message
        assert not mine.client("lambda").list_aliases(FunctionName=NAME)["Aliases"]
        assert NAME not in [api["Name"] for api in mine.client("apigatewayv2").get_apis()["Items"]]
    finally:
        mend()
    mine.make("push", "deploy", f"MODEL={NAME}")
    assert mine.alias(NAME) == ("2", {}) and "churn" in mine.quiet("invoke", f"MODEL={NAME}")
