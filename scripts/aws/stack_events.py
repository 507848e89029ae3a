"""Print the events of a CloudFormation stack as they happen, and find the first failure."""

from __future__ import annotations

from typing import Any

import botocore.exceptions as errors

HINTS = {  # what CloudFormation's reason has in it: what to do
    "UnreservedConcurrentExecution": (
        "a new account may run 10 functions at once and reserve none: set reserved_concurrency = -1"
    ),
    "does not have permission to access the ECR image": (
        "run `make push` again, which lets Lambda pull"
    ),
    "is not authorized to perform": "ask for this permission (docs/deploy.md lists them)",
}


class StackEvents:
    """The events of one stack, from `skip` on."""

    def __init__(self, client: Any, name: str):
        self._client, self._name = client, name
        self._seen: set[str] = set()  # their ids
        self._failed: list[dict] = []

    def skip(self) -> None:
        """Ignore all events until now: they are of earlier commands."""
        self._seen = {event["EventId"] for event in self._newest(self._name)}
        self._failed = []

    def show(self, stack_id: str) -> None:
        """Print the events since the last call."""
        for event in self._newest(stack_id):
            if event["EventId"] in self._seen:
                continue
            self._seen.add(event["EventId"])
            status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
            if status.endswith("FAILED"):
                self._failed.append(event)
            if reason == "Resource creation Initiated":  # every creation is announced twice
                continue
            shown = (
                f"  {event['Timestamp'].astimezone():%H:%M:%S}  {status.lower():<34} "
                f"{event['LogicalResourceId']}"
            )
            print(f"{shown}  {reason if status.endswith('FAILED') else ''}".rstrip(), flush=True)

    def first_failure(self, change_set: str | None = None) -> str:
        """Return the resource that failed first, and why; the others were only canceled."""
        for event in self._failed:
            reason = " ".join(event.get("ResourceStatusReason", "").split())
            if "DescribeEvents" in reason:  # CloudFormation looked at the names before it began
                return self.refused(change_set) or reason
            if "cancelled" not in reason.lower():
                hints = "".join(f" ({hint})" for part, hint in HINTS.items() if part in reason)
                return (
                    f"{event['LogicalResourceId']} ({event['ResourceType']}) failed: "
                    f"{reason}{hints}"
                )
        return "the stack failed, and CloudFormation does not say why"

    def refused(self, change_set: str | None = None) -> str:
        """Return what CloudFormation's validation says against a change; empty where it says
        nothing.
        """
        where = {"ChangeSetName": change_set} if change_set else {}
        events = self._client.describe_events(
            StackName=self._name, Filters={"FailedEvents": True}, **where
        )["OperationEvents"]
        for event in events:
            if reason := " ".join(event.get("ValidationStatusReason", "").split()):
                return (
                    f"{event.get('LogicalResourceId', self._name)} "
                    f"({event.get('ResourceType', 'stack')}) failed: {reason}"
                )
        return self.refused() if change_set else ""

    def _newest(self, stack: str) -> list[dict]:
        """Return the newest hundred or so, the oldest first; none if there is no stack."""
        try:
            return self._client.describe_stack_events(StackName=stack)["StackEvents"][::-1]
        except errors.ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return []
            raise
