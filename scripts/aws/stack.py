"""Create, update and delete a CloudFormation stack, and print its events."""

from __future__ import annotations

import time

import botocore.exceptions as errors

from scripts.aws.account import Account, code_of
from scripts.aws.ecr import TAG
from scripts.aws.stack_events import StackEvents
from scripts.project import require_deployable
from shared.errors import UserError

POLL = 2  # seconds; a tenth of it on this machine
LIMIT = 3600  # seconds for one operation; provisioned concurrency and SnapStart take minutes
# Only deletion leads out of these.
DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")


class Stack:
    """The stack of one project.

    Every method raises UserError if CloudFormation fails, or if these commands did not create the
    stack.
    """

    def __init__(self, account: Account, name: str):
        require_deployable(name)
        self._client = account.client("cloudformation")
        self._poll = POLL / 10 if account.local else POLL
        self._account, self.name = account, name
        self._events = StackEvents(self._client, name)

    def described(self) -> dict | None:
        """Return the stack as CloudFormation describes it; None if there is none."""
        try:
            stack = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except errors.ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        # One in review holds nothing yet, and need not show its tags.
        is_empty = stack["StackStatus"] in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
        if TAG not in stack.get("Tags", []) and not is_empty:
            raise UserError(
                f"the stack {self.name} is there, and not made by these commands: rename the folder"
            )
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def outputs(self) -> dict[str, str]:
        """Return its outputs by name. Raises UserError if it is not deployed."""
        stack = self._deployed()
        if not stack:
            here = self._account
            region = f"in region {here.region} of this account"
            where = f"at {here.endpoint_url}" if here.local else region
            raise UserError(
                f"{self.name} is not deployed {where}: run `make push deploy MODEL={self.name}`, "
                "or set AWS_REGION"
            )
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """Return the parameters of its last good state; none if there is no stack yet."""
        stack = self._deployed() or {}
        return {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in stack.get("Parameters", [])
        }

    def settle(self) -> None:
        """Wait for what an earlier command left running, and clear away a stack that can only be
        deleted.
        """
        stack = self.described()
        status = stack["StackStatus"] if stack else ""
        if status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            print(f"the stack is still at {status}, from an earlier command: waiting", flush=True)
            self._events.skip()
            stack = self._finished()
        if stack and stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            print("an earlier update could not be undone: trying again", flush=True)
            self._events.skip()
            self._client.continue_update_rollback(StackName=self.name)
            stack = self._finished()
        if stack and stack["StackStatus"] in DEAD:
            status = stack["StackStatus"]
            print(f"clearing away the stack of an earlier attempt ({status})", flush=True)
            self.delete()

    def change(self, template: str, parameters: dict[str, str]) -> bool:
        """Create or update the stack with a change set, and print its events. Returns False
        if nothing had changed.

        Raises UserError with the resource and the reason if it fails; the stack is then back where
        it was.
        """
        stack = self.described()
        new = not stack or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
        self._events.skip()
        name, changes = self._change_set(template, parameters, new)
        if not changes:
            self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
            return False
        doing = "making" if new else "updating"
        print(f"{doing} the stack {self.name}: {changes} resources", flush=True)
        self._client.execute_change_set(StackName=self.name, ChangeSetName=name)
        try:
            stack = self._finished()
        except KeyboardInterrupt:
            print("\nstopped watching: CloudFormation goes on without this command", flush=True)
            raise
        if not stack or stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            reason = self._events.first_failure(name)
            if new:
                self.delete()
            left = "nothing was left of it" if new else "the stack is back where it was"
            raise UserError(f"{reason}; {left}")
        return True

    def delete(self) -> None:
        """Delete the stack and print its events."""
        if not self.described():
            return
        print(f"deleting the stack {self.name}", flush=True)
        self._events.skip()
        self._client.delete_stack(StackName=self.name)
        stack = self._finished()
        if stack:
            reason = self._events.first_failure()
            raise UserError(f"{reason}; correct the cause and run the same command again")
        print(f"deleted the stack {self.name}", flush=True)

    def _deployed(self) -> dict | None:
        """Return the stack, unless nothing was ever made of it, or nothing is left."""
        stack = self.described()
        return None if not stack or stack["StackStatus"] in (*DEAD, "REVIEW_IN_PROGRESS") else stack

    def _change_set(self, template: str, parameters: dict[str, str], new: bool) -> tuple[str, int]:
        """Create a change set. Returns its name, and the number of resources that it changes."""
        name = f"deploy-{int(time.time() * 1000)}"
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateBody=template,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM"],
            Tags=[TAG],
        )
        try:
            return name, self._changes(name)
        except UserError:
            if new:  # it is there, for review, with nothing in it
                self._client.delete_stack(StackName=self.name)
            raise

    def _changes(self, name: str) -> int:
        """Wait for a change set; return the number of resources that it changes."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
            if found["Status"] == "CREATE_COMPLETE":
                return len(found["Changes"])
            reason = found.get("StatusReason", "")
            if found["Status"] == "FAILED":
                if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                    return 0
                refused = self._events.refused(name) if "DescribeEvents" in reason else reason
                self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
                raise UserError(f"CloudFormation refuses the change: {refused or reason}")
            time.sleep(self._poll)
        late = "CloudFormation has not worked out the change within an hour"
        raise UserError(f"{late}: run the same command again")

    def _finished(self) -> dict | None:
        """Show events until the operation under way has ended. Returns the stack, or None if it is
        gone.
        """
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            stack = self.described()
            if stack:
                self._events.show(stack["StackId"])
            if not stack or not stack["StackStatus"].endswith("IN_PROGRESS"):
                return stack
            time.sleep(self._poll)
        late = f"the stack {self.name} is not ready within an hour"
        raise UserError(f"{late}: look at it in the console, and run this again")
