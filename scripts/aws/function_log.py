"""Read the log lines that a deployed function has written itself, one JSON object for each
invocation.
"""

from __future__ import annotations

import json
import re
import subprocess

from scripts.aws.account import Account
from scripts.local.docker import DOCKER


def lines_since(account: Account, name: str, start: float) -> list[dict]:
    """Return the lines of the function `name` since a time, oldest first.

    start: seconds since 1970. Lines of Lambda itself are left out.
    """
    read = _printed_locally if account.local else _logged
    parsed = (_parsed(line) for line in read(account, name, start) if line.startswith("{"))
    return [line for line in parsed if isinstance(line, dict) and "trigger" in line]


def _logged(account: Account, name: str, start: float) -> list[str]:
    """Return the lines that CloudWatch Logs has."""
    paginator = account.client("logs").get_paginator("filter_log_events")
    pages = paginator.paginate(logGroupName=f"/aws/lambda/{name}", startTime=int(start * 1000))
    events = [event for page in pages for event in page["events"]]
    return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]


def _printed_locally(account: Account, name: str, start: float) -> list[str]:
    """Return the lines that the containers have printed.

    The local AWS stores only what the engine has written when a call ends: lines may be missing.
    """
    listed = subprocess.run(
        [DOCKER, "ps", "--all", "--format", "{{.ID}} {{.Image}}"], capture_output=True, text=True
    )
    lines = []
    for container, image in (line.split() for line in listed.stdout.splitlines()):
        if re.split("[@:]", image.removeprefix(f"{account.registry}/"))[0] == name:
            command = [DOCKER, "logs", "--since", f"{start:.3f}", "--timestamps", container]
            printed = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            lines += printed.stdout.splitlines()
    return [line.partition(" ")[2] for line in sorted(lines)]


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:  # a line that the function's own code printed
        return None
