"""The template's parameters for the alias `live`: as it is, and moved to a published version."""

from __future__ import annotations

from scripts.aws.alias import Live, described
from shared.errors import UserError

NO_ALIAS = {
    "LiveVersion": "",
    "LiveHistory": described([]),
    "CanaryVersion": "",
    "CanaryWeight": "0",
}


def as_it_is(live: Live, before: dict[str, str]) -> dict[str, str]:
    """Return the parameters for an alias that stays where it is. before: the stack's parameters."""
    if not live.version:
        return {key: before.get(key, default) for key, default in NO_ALIAS.items()}
    [(canary, weight)] = live.canaries.items() or [("", 0)]
    return {
        "LiveVersion": live.version,
        "LiveHistory": described(live.history, live.left),
        "CanaryVersion": canary,
        "CanaryWeight": f"{weight:g}",
    }


def moved(live: Live, published: str, canary: int | None) -> dict[str, str] | None:
    """Return the parameters for an alias that moves to the published version; None if it stays.

    Only a new version moves it: a deployment of something else leaves a rollback in place.
    canary: the percentage of calls for the published version, None for all of them.
    """
    if not live.version:
        if canary is not None:
            print("a canary needs a version beside it: the first version gets all calls")
        return {**NO_ALIAS, "LiveVersion": published}
    if live.version == published:
        if canary is not None:
            raise UserError(
                f"version {published} is live already, with this image and these settings: a "
                "canary needs a new one"
            )
        return None
    if canary is not None:
        return {
            "LiveVersion": live.version,
            "LiveHistory": described(live.history),
            "CanaryVersion": published,
            "CanaryWeight": f"{canary / 100:g}",
        }
    if published in live.canaries or published in live.left:
        return None
    return {
        **NO_ALIAS,
        "LiveVersion": published,
        "LiveHistory": described([live.version, *live.history]),
    }
