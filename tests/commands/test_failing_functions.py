"""A function that fails is explained by `make run` and by `make invoke-local`."""

import re
import signal

import pytest

from tests.commands.served import Served


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (
            "import nothing_here",
            "the function does not start: Unable to import module 'lambda_function': No module "
            "named",
        ),
        (
            "def lambda_handler(event, context): breakpoint()",
            "breakpoint() needs a terminal, and a function has none",
        ),
        (
            "def lambda_handler(event, context): return len(bytearray(400_000_000))",
            "the function was killed, most likely",
        ),
    ],
)
def test_a_function_that_fails_is_explained_on_both_sides(
    checkout, any_project, way, handler, message
):
    if way and "bytearray" in handler:
        # nothing limits the memory here
        handler = "import os\ndef lambda_handler(event, context): os.kill(os.getpid(), 9)"
    (checkout.root / any_project.name / "lambda_function.py").write_text(handler)
    served = Served(checkout, any_project, way)
    try:
        status, output = checkout.make(
            "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}"
        )
        assert status != 0 and output.startswith(message) and len(output.splitlines()) == 2, output
    finally:
        output = served.interrupt(signal.SIGINT)
    assert re.search("^" + re.escape(message), output, re.MULTILINE), output
