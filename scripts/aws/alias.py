"""Read and move the alias `live`, which every event source invokes; roll back and promote."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from scripts.aws.account import Account, connected
from scripts.aws.check_version import check, end_environments
from scripts.aws.stack import Stack
from scripts.project import Project
from shared.errors import UserError

NAME = "live"
KEPT = 5  # versions, the live one included
LONGEST_HISTORY = 9


class Live:
    """The alias of one project's function.

    version: the live version, None if there is no alias yet.
    history: the versions that were live before, the last one first.
    canaries: versions that get a share of the calls, with their shares, 0 to 1.
    left: the versions that a rollback left. Only `make promote` makes them live again.
    """

    def __init__(self, account: Account, name: str):
        self.client = account.client("lambda")
        self.name = name
        self.version: str | None = None
        self.history: list[str] = []
        self.left: list[str] = []
        self.canaries: dict[str, float] = {}
        try:
            self._read(self.client.get_alias(FunctionName=name, Name=NAME))
        except self.client.exceptions.ResourceNotFoundException:
            return

    def _read(self, alias: dict) -> None:
        self.version = alias["FunctionVersion"]
        before, _, left = alias.get("Description", "").partition("left:")
        self.history, self.left = re.findall(r"\d+", before), re.findall(r"\d+", left)
        self.canaries = dict(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {})

    def move(
        self, version: str, history: list[str], canaries: dict[str, float], left: Sequence[str] = ()
    ) -> None:
        """Point it to a version. Does nothing if it points there already."""
        history, gone = history[:LONGEST_HISTORY], list(left)[:LONGEST_HISTORY]
        now = (self.version, self.history, self.canaries, self.left)
        if (version, history, canaries, gone) == now:
            return
        move = {
            "FunctionName": self.name,
            "Name": NAME,
            "FunctionVersion": version,
            "Description": described(history, gone),
            "RoutingConfig": {"AdditionalVersionWeights": canaries},
        }
        try:
            self._read(self.client.update_alias(**move))
        except self.client.exceptions.ResourceConflictException:  # the function is being updated
            self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name)
            self._read(self.client.update_alias(**move))

    def versions(self) -> dict[str, dict]:
        """Return the published versions by number."""
        pages = self.client.get_paginator("list_versions_by_function").paginate(
            FunctionName=self.name
        )
        return {
            found["Version"]: found
            for page in pages
            for found in page["Versions"]
            if found["Version"] != "$LATEST"
        }

    def shown(self) -> str:
        """Return the alias in words."""
        shares = "".join(
            f", version {version} gets {weight:.0%} of the calls"
            for version, weight in self.canaries.items()
        )
        return f"live is version {self.version}{shares}"


def described(history: Sequence[str], left: Sequence[str] = ()) -> str:
    """Return the alias' description, which keeps the history."""
    gone = f"; left: {','.join(left[:LONGEST_HISTORY])}" if left else ""
    return f"before: {','.join(history[:LONGEST_HISTORY])}{gone}"


def rollback(live: Live) -> None:
    """End a canary deployment, or else point `live` at the version that was live before."""
    assert live.version
    if live.canaries:
        live.move(live.version, live.history, {}, [*live.canaries, *live.left])
        return
    there = live.versions()
    before = [version for version in live.history if version in there]
    if not before:
        raise UserError(f"there is no version before {live.version} to go back to")
    live.move(before[0], before[1:], {}, [live.version, *live.left])


def promote(live: Live, project: Project, account: Account, published: str) -> None:
    """Point `live` at the version that the last deployment published: a canary, or a version that
    was rolled back.
    """
    if not live.version:
        raise UserError(
            f"{project.name} has no version that has passed its check: run `make deploy "
            f"MODEL={project.name}`"
        )
    if published == live.version and not live.canaries:
        raise UserError(f"version {published} is live already: there is no canary to promote")
    check(account, project, published, live.version)
    history = [live.version, *live.history] if live.version != published else live.history
    live.move(published, history, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["rollback", "promote"])
    parser.add_argument("model", help="the project folder")
    args = parser.parse_args()
    project = Project(args.model)
    with connected() as account:
        published = Stack(account, project.name).outputs()["Version"]
        live = Live(account, project.name)
        if args.command == "promote":
            promote(live, project, account, published)
        elif not live.version:
            raise UserError(
                f"{project.name} has no live version: run `make deploy MODEL={project.name}`"
            )
        else:
            rollback(live)
            end_environments(account, project)
        print(live.shown())


if __name__ == "__main__":
    main()
