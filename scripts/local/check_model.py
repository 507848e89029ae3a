"""Check that a project's handler can serve a model file: it must respond to event.json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.local.images import environment_on_host
from scripts.local.invoke import FunctionFailed, answer_of, refusal_in
from scripts.project import Project
from shared.errors import UserError

START_SECONDS = 30  # to load a large model on a busy machine, beside the function's own timeout
# As Lambda calls a handler. The response is the last line, after what the handler prints.
PROGRAM = """
import json, sys, types
import lambda_function
left = lambda: {timeout} * 1000
context = types.SimpleNamespace(aws_request_id="check", get_remaining_time_in_millis=left)
try:
    response = lambda_function.lambda_handler(json.load(sys.stdin), context)
except BaseException as error:
    response = {{"errorType": type(error).__name__, "errorMessage": str(error)}}
print("\\n" + json.dumps(response))
"""


def require_served(project: Project, model_file: Path) -> None:
    """Run the project's handler on event.json with a model file, in a process of its own.

    Raises UserError with the reason if it fails.
    """
    reason = failure(project, model_file)
    if reason:
        raise UserError(
            f"the handler of {project.name} cannot serve this model: with it, event.json fails "
            f"({reason}); change lambda_function.py and event.json to fit, then `make push "
            "publish`, or export another model"
        )


def failure(project: Project, model_file: Path) -> str | None:
    """Return why the handler fails with a model file, None if it responds."""
    try:
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(timeout=project.timeout)],
            cwd=project.folder,
            env=environment_on_host(project, model_file),
            input=json.dumps(project.event()),
            capture_output=True,
            text=True,
            timeout=project.timeout + START_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no response within {project.timeout + START_SECONDS} s"
    if ran.returncode or not ran.stdout:
        return (ran.stderr.strip().splitlines() or [f"status {ran.returncode}"])[-1]
    try:
        return refusal_in(answer_of(ran.stdout.splitlines()[-1].encode(), None))
    except FunctionFailed as error:
        return " ".join(str(error).split())
