"""Check a published version before any event source invokes it, with the example request."""

from __future__ import annotations

import base64
import json
import time

import botocore.exceptions as errors

from scripts.aws.account import Account, explained
from scripts.local.invoke import FunctionFailed, answer_of, refusal_in
from scripts.project import Project
from shared.errors import UserError

SHOWN = 15  # lines of the log


def check(account: Account, project: Project, version: str, live: str | None) -> None:
    """Invoke a version by its number with event.json. Raises UserError if it fails.

    Prints the end of the version's log then. live: the version that stays live, None if there is
    none.
    """
    if project.deploy["reserved_concurrency"] == 0:
        print(f"version {version} was not checked: with reserved_concurrency = 0 nothing runs")
        return
    end_environments(account, project)
    started = time.monotonic()
    reason, log = failure(account, project, version)
    end_environments(account, project)
    if not reason:
        seconds = f"{time.monotonic() - started:.1f} s"
        print(f"version {version} responds to {project.name}/event.json, in {seconds}", flush=True)
        return
    if lines := log.splitlines()[-SHOWN:]:
        print(f"the end of the log of version {version}:", *lines, sep="\n  ")
    else:
        print("no log was given")
    nothing = "nothing is live, and no event source is connected"
    stays = f"live stays version {live}" if live else nothing
    again = (
        f"`make logs MODEL={project.name}` shows more; correct the cause, then `make push deploy "
        f"MODEL={project.name}`"
    )
    failed = f"version {version} does not respond to {project.name}/event.json: {reason}"
    raise UserError(f"{failed}; {stays}; {again}")


def end_environments(account: Account, project: Project) -> None:
    """End the execution environments of a function with published models on the local AWS.

    The local AWS uses one for all versions with the same image, and so with one of their models.
    """
    if not (account.local and project.model_folder):
        return
    client, name = account.client("lambda"), project.name
    timeout = client.get_function_configuration(FunctionName=name)["Timeout"]
    client.update_function_configuration(FunctionName=name, Timeout=timeout)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


def failure(account: Account, project: Project, version: str) -> tuple[str | None, str]:
    """Return why a version fails, None if it responds without an error; and the end of its log."""
    # One try: a call that has timed out here may still be running there.
    client = account.client(
        "lambda", retries={"total_max_attempts": 1}, read_timeout=project.timeout + 60
    )
    payload = json.dumps(project.event()).encode()
    try:
        client.get_waiter("function_active_v2").wait(FunctionName=project.name, Qualifier=version)
        response = client.invoke(
            FunctionName=project.name, Qualifier=version, Payload=payload, LogType="Tail"
        )
        body = response["Payload"].read()
    except (errors.ClientError, errors.BotoCoreError, errors.WaiterError) as error:
        return explained(error), ""
    log = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
    try:
        answer = answer_of(body, response.get("FunctionError"))
    except FunctionFailed as error:
        return " ".join(str(error).split()), log
    return refusal_in(answer), log
