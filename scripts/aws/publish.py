"""Publish a model: upload it, and deploy a version of the function that reads it."""

from __future__ import annotations

import argparse

from scripts.aws.account import Account, connected
from scripts.aws.alias import Live
from scripts.aws.costs import require_deployment
from scripts.aws.deploy import canary_share, deploy, digest_of
from scripts.aws.models import publish_model
from scripts.aws.push import train_and_export
from scripts.aws.stack import Stack
from scripts.project import Project
from shared.errors import UserError


def publish(
    account: Account,
    project: Project,
    canary: int | None,
    data: str,
    yes: bool = False,
    pushed: bool = False,
) -> None:
    """Train and export if needed, check the model with the handler, upload and deploy it.

    pushed: with the image that was pushed last, for which consent was given, instead of that of
        the live version.
    Raises UserError; the version that is live then stays live.
    """
    name = project.name
    if not project.model_folder:
        raise UserError(
            f"{name} has its model in its image: run `make push deploy MODEL={name}`, or set model "
            f'= "s3://my-bucket/models/" in {name}/function.toml before'
        )
    stack = Stack(account, name)
    if not stack.parameters():
        raise UserError(
            f"{name} is not deployed: run `make push deploy MODEL={name}`, which publishes the "
            "model too"
        )
    if not pushed:
        require_deployment(account, stack, "publish the model of", yes)
    train_and_export(project, data)
    model = publish_model(account, project)
    live = Live(account, name)
    digest = digest_of(live, live.version) if live.version and not pushed else ""
    deploy(account, project, canary, asked=True, digest=digest, model=model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the project folder")
    parser.add_argument(
        "--canary", type=int, help="percentage of calls that the new model gets; then promote it"
    )
    parser.add_argument("--data", default="", help="file, folder or URL to train with")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before publishing to an account on AWS"
    )
    parser.add_argument(
        "--pushed", action="store_true", help="with the image of the push before, which has asked"
    )
    args = parser.parse_args()
    canary = canary_share(args.canary)
    project = Project(args.model)
    with connected() as account:
        publish(account, project, canary, args.data, args.yes, args.pushed)


if __name__ == "__main__":
    main()
