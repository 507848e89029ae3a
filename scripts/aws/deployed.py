"""The stack of a deployed project, and waiting for the result of an event."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

from scripts.aws.account import Account
from scripts.aws.function_log import lines_since
from scripts.aws.stack import Stack
from scripts.local.invoke import Function, FunctionFailed
from scripts.project import Project
from shared.errors import UserError

# Seconds to wait for the function; CloudWatch shows a line some seconds after it was written.
LIMIT = 120
POLL = 1  # seconds; a tenth of it on this machine

Found = TypeVar("Found")


class Deployed:
    """A deployed project.

    outputs, parameters: of its stack. Raises UserError if it is not deployed.
    """

    def __init__(self, account: Account, project: Project):
        stack = Stack(account, project.name)
        self.account, self.project = account, project
        self.outputs, self.parameters = stack.outputs(), stack.parameters()

    def require(self, source: str, there: object, setting: str) -> None:
        """Raise UserError with the setting to change, unless the source is there."""
        name = self.project.name
        if not there:
            raise UserError(
                f"{name} has no {source}: set {setting} in {name}/function.toml, then `make "
                f"deploy MODEL={name}`"
            )

    def watch(
        self,
        sent: dict,
        began: float,
        trigger: str,
        event: object,
        look: Callable[[list[dict]], Found | None],
    ) -> Found:
        """Wait for what an event leads to; return the first result of `look` that is not None.

        sent: boto3's response to the call that sent the event; began: the time before that call, in
            seconds since 1970.
        trigger: of the function's log lines, which `look` takes. event: for a direct invocation
            with the same request.
        Raises UserError with the reason if the function refused the event, and after LIMIT
        seconds.
        """
        if not self.account.local:  # this machine's clock may be wrong
            date = sent["ResponseMetadata"]["HTTPHeaders"]["date"]
            began = parsedate_to_datetime(date).timestamp()
        end, failures = time.monotonic() + LIMIT, 0
        while time.monotonic() < end:
            logged = lines_since(self.account, self.project.name, began)
            lines = [line for line in logged if line["trigger"] == trigger]
            if (found := look(lines)) is not None:
                return found
            failed = sum(bool(line["refused"] or line["errors"]) for line in lines)
            if failed > failures and (reason := self._reason(event)):
                raise UserError(f"the function failed: {reason}")
            failures = failed
            time.sleep(POLL / 10 if self.account.local else POLL)
        raise UserError(
            f"no result within {LIMIT} s: `make logs MODEL={self.project.name}` shows what the "
            "function wrote"
        )

    def _reason(self, event: object) -> str | None:
        """Return why an event fails, None if it succeeds now. The log quotes no event, so the
        function is invoked with it again.
        """
        client = self.account.client(
            "lambda", retries={"total_max_attempts": 1}, read_timeout=self.project.timeout + 30
        )
        try:
            Function(f"{self.project.name}:live", client=client)(event)
        except FunctionFailed as error:
            return str(error)
        return None
