"""Print the log of a deployed project's function."""

from __future__ import annotations

import argparse
import re
import time
from typing import Any

from scripts.aws.account import connected
from scripts.project import Project
from shared.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Seconds between two requests with --follow. CloudWatch Logs notifies nobody of new lines, except
# in a live tail session, which is billed by the minute.
POLL = 2


def milliseconds(since: str) -> int:
    """Return the time 90s, 10m, 2h or 1d ago, in milliseconds since 1970."""
    found = re.fullmatch(r"(\d+)([smhd])", since)
    if not found:
        raise UserError(f"SINCE={since} is not a time such as 90s, 10m, 2h or 1d")
    return int((time.time() - int(found[1]) * UNITS[found[2]]) * 1000)


def show(client: Any, group: str, start: int, follow: bool) -> int:
    """Print the lines of a log group since a time, for ever with follow. Returns their number."""
    seen: set[tuple] = set()
    while True:
        for page in client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start
        ):
            for event in page["events"]:
                # A local AWS gives no ids.
                key = (event["logStreamName"], event["timestamp"], event["message"])
                if key not in seen:
                    seen.add(key)
                    when = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
                    print(when, event["message"].rstrip(), flush=True)
        if not follow:
            return len(seen)
        time.sleep(POLL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--since", default="10m", help="how far back: 90s, 10m, 2h, 1d")
    parser.add_argument(
        "--follow", action="store_true", help="go on with what comes in, until Ctrl-C"
    )
    args = parser.parse_args()
    project = Project(args.model)
    start = milliseconds(args.since)
    with connected() as account:
        client = account.client("logs")
        try:
            lines = show(client, f"/aws/lambda/{project.name}", start, args.follow)
        except client.exceptions.ResourceNotFoundException:
            raise UserError(
                f"{project.name} has no log here: run `make push deploy MODEL={project.name}`"
            ) from None
        if not lines:
            print(
                f"no lines in the last {args.since}: SINCE=1d shows a day; new lines take some "
                "seconds to arrive"
            )


if __name__ == "__main__":
    main()
