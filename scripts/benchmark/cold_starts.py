"""Measure cold starts of a deployed function, from the REPORT lines in its log.

A changed environment variable makes Lambda start new execution environments. It is removed at the
end, also on Ctrl-C. The published versions that clients use stay as they are. With SnapStart, each
start needs a version of its own: it is published, which takes minutes, and deleted afterwards.
"""

from __future__ import annotations

import argparse
import base64
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scripts.aws.account import connected
from scripts.aws.reports import FIELDS, report_of
from scripts.benchmark.spread import summary
from scripts.benchmark.tables import cell
from scripts.local.invoke import FunctionFailed, answer_of
from scripts.project import Project
from shared.errors import UserError

VARIABLE = "COLD_START"  # changed for each start


class Deployed:
    """A deployed function. client: boto3's for Lambda; name: of the function."""

    def __init__(self, client: Any, name: str):
        self._client, self._name = client, name
        found = client.get_function_configuration(FunctionName=name)
        variables = found.get("Environment", {}).get("Variables", {})
        # Without that of a run that was killed.
        self._variables = {name: value for name, value in variables.items() if name != VARIABLE}
        self._snapstart = found.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions"

    def invoke(self, event: bytes, version: str) -> dict[str, float]:
        """Invoke the function. Returns its report. Raises FunctionFailed."""
        response = self._client.invoke(
            FunctionName=self._name, Qualifier=version, Payload=event, LogType="Tail"
        )
        answer_of(response["Payload"].read(), response.get("FunctionError"))
        return report_of(base64.b64decode(response.get("LogResult", "")).decode(errors="replace"))

    @contextmanager
    def started_anew(self, number: int) -> Iterator[str]:
        """Yield a version that no execution environment has run yet."""
        self._set({**self._variables, VARIABLE: str(number)})
        if not self._snapstart:  # which only published versions have
            yield "$LATEST"
            return
        version = self._client.publish_version(FunctionName=self._name)["Version"]
        try:
            self._client.get_waiter("published_version_active").wait(
                FunctionName=self._name, Qualifier=version
            )
            yield version
        finally:
            self._client.delete_function(FunctionName=self._name, Qualifier=version)

    def put_back(self) -> None:
        """Restore the variables. A second Ctrl-C must not leave the function half changed."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._set(self._variables)
        signal.signal(signal.SIGINT, before)

    def _set(self, variables: dict[str, str]) -> None:
        self._client.get_waiter("function_updated_v2").wait(FunctionName=self._name)
        self._client.update_function_configuration(
            FunctionName=self._name, Environment={"Variables": variables}
        )
        self._client.get_waiter("function_updated_v2").wait(FunctionName=self._name)


def measure(
    function: Deployed, event: bytes, starts: int, requests: int
) -> tuple[list[dict], list[dict]]:
    """Return the reports of first invocations after a start, and of the others.

    The local AWS sometimes sends none.
    """
    cold, warm = [], []
    try:
        for number in range(1, starts + 1):
            with function.started_anew(number) as version:
                cold.append(function.invoke(event, version))
                warm += [function.invoke(event, version) for _ in range(requests)]
            print(f"start {number} of {starts}", flush=True)
    finally:
        function.put_back()
    return [report for report in cold if report], [report for report in warm if report]


def shown(cold: list[dict], warm: list[dict]) -> str:
    """Return a table of fields: median and quartiles of cold and of warm invocations."""
    lines = [f"{'':<25}{f'cold ({len(cold)})':>24}{f'warm ({len(warm)})':>24}"]
    for name, field in FIELDS.items():
        cells = []
        for reports in (cold, warm):
            values = [report[field] for report in reports if field in report]
            cells.append(cell(summary(values) if values else None, spread=True))
        if set(cells) != {"–"}:
            unit = "MB" if field.endswith("MB") else "ms"
            lines.append(f"{f'{name}, {unit}':<25}{cells[0]:>24}{cells[1]:>24}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--starts", type=int, default=9, help="how many new execution environments")
    parser.add_argument("--requests", type=int, default=20, help="further invocations of each")
    args = parser.parse_args()
    project = Project(args.model)
    with connected() as account:
        # One try: a call that has timed out here may still be running there, and would be counted
        # twice.
        client = account.client(
            "lambda", retries={"total_max_attempts": 1}, read_timeout=project.timeout + 30
        )
        try:
            function, event = Deployed(client, project.name), project.event_file.read_bytes()
            cold, warm = measure(function, event, args.starts, args.requests)
            print(shown(cold, warm))
        except client.exceptions.ResourceNotFoundException:
            raise UserError(
                f"{project.name} is not deployed here: run `make push deploy MODEL={project.name}`"
            ) from None
        except FunctionFailed as error:
            raise UserError(str(error)) from None
        if account.local:
            print(
                "This is the local AWS: it has no cold starts like Lambda's, and none of these "
                "times is Lambda's."
            )


if __name__ == "__main__":
    main()
