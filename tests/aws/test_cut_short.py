"""Ctrl-C at each step of push, deploy and destroy: the next command completes the work or removes
it.
"""

import json

import pytest

from tests.aws.checkout import COPY as NAME
from tests.aws.conftest import close
from tests.handlers import answer_to, example

pytestmark = pytest.mark.commands

AT = [
    ("push", "building "),
    ("push", "pushing "),
    ("deploy", "deploying "),
    ("deploy", "making the stack "),
    ("deploy", "updating the stack "),
    ("destroy", "deleting the stack "),
    ("destroy", "deleted the stack "),
]
NOTHING_TO_DESTROY = ("building ", "deploying ")  # nothing more than before the command


@pytest.mark.parametrize(
    ("command", "at", "then"),
    [(*step, "deploy") for step in AT]
    + [(*step, "destroy") for step in AT if step[1] not in NOTHING_TO_DESTROY],
)
def test_ctrl_c_and_the_next_command_finishes(mine, tabular, command, at, then):
    mine.clear(NAME)
    (mine.checkout.root / NAME / "build/pushed.json").unlink(missing_ok=True)
    if command != "push":
        mine.make("push", f"MODEL={NAME}")
    if command == "destroy" or at.startswith("updating"):
        mine.make("deploy", f"MODEL={NAME}")
    mine.set(NAME, memory=320 if at.startswith("updating") else 256)
    mine.cut_short(at, command, f"MODEL={NAME}", YES="1")
    if then == "destroy":
        assert f"nothing of {NAME} is left" in mine.make("destroy", f"MODEL={NAME}", "YES=1")
        mine.assert_nothing_left(NAME)
    else:
        mine.make("push", "deploy", f"MODEL={NAME}")
        assert close(
            json.loads(mine.quiet("invoke", f"MODEL={NAME}")), answer_to(tabular, example(tabular))
        )
