"""Create or update the stack of a project: publish a version of the pushed image, check it, and
make it live.
"""

from __future__ import annotations

import argparse
import json

from scripts.aws import ecr, models
from scripts.aws.account import Account, connected
from scripts.aws.alias import KEPT, Live
from scripts.aws.alias_parameters import as_it_is, moved
from scripts.aws.check_version import check
from scripts.aws.costs import require_deployment
from scripts.aws.endpoints import show
from scripts.aws.parameters import parameters, template_for, version_label
from scripts.aws.stack import Stack
from scripts.project import Project
from shared.errors import UserError


def image_to_deploy(account: Account, project: Project, digest: str = "") -> dict:
    """Return the image with a digest; without one, what the last `make push` of this checkout
    pushed, or else the newest image in the repository. Raises UserError if there is none.
    """
    client = account.client("ecr")
    if digest:
        if image := ecr.described(client, project.name, imageDigest=digest):
            return image
        raise UserError(
            f"the image of the live version is no longer in ECR: run `make push publish "
            f"MODEL={project.name}`"
        )
    note = project.folder / "build/pushed.json"
    pushed = json.loads(note.read_text()) if note.exists() else {}
    if pushed.get("registry") == account.registry:
        image = ecr.described(client, project.name, imageDigest=pushed["digest"])
        if image:
            return image
    if images := ecr.images(client, project.name):
        return images[0]
    raise UserError(
        f"{project.name} has no image in ECR here: run `make push MODEL={project.name}`"
    )


def model_to_deploy(
    account: Account, project: Project, stack: Stack, live: Live, digest: str
) -> str:
    """Return the URL of the model that a deployment of an image keeps; publish the first one.

    It is the model of the live version, unless the deployment makes no new version.
    Returns "" if function.toml does not name a bucket for models: the image then has the model.
    """
    before = stack.parameters()
    model = before.get("ModelUrl", "")
    if live.version and version_label(project, digest, model) != before.get("VersionLabel"):
        model = models.model_of(live.versions()[live.version])
    if models.folder_of(model) == project.model_folder:
        return model
    return models.publish_model(account, project) if project.model_folder else ""


def deploy(
    account: Account,
    project: Project,
    canary: int | None,
    yes: bool = False,
    asked: bool = False,
    digest: str = "",
    model: str = "",
) -> None:
    """Publish a version, check it, and only then move the alias to it. Finishes what an earlier
    command left half done.

    digest: of the image, "" for the one that was pushed last. model: the URL of a published model,
        "" for that of the live version.
    """
    if canary is not None and project.deploy["provisioned_concurrency"]:
        raise UserError(
            "AWS runs no canary beside provisioned concurrency: set it to 0 in function.toml first"
        )
    image = image_to_deploy(account, project, digest)
    template = template_for(project)
    parameters(account, project, image["imageDigest"])  # what is wrong in function.toml, before
    stack = Stack(account, project.name)
    if not asked:
        require_deployment(account, stack, "deploy", yes)
    stack.settle()
    live = Live(account, project.name)
    model = model or model_to_deploy(account, project, stack, live, image["imageDigest"])
    wanted = parameters(account, project, image["imageDigest"], model)
    print(f"deploying {project.name}:{image['imageTags'][0]}", flush=True)
    if model:
        print(f"with the model {model}", flush=True)
    before = as_it_is(live, stack.parameters())
    changed = change(account, project, stack, live, template, {**wanted, **before})
    published = stack.outputs()["Version"]
    after = moved(live, published, canary)
    if after:
        check(account, project, published, live.version)
        changed = change(account, project, stack, live, template, {**wanted, **after}) or changed
    if not changed:
        print(f"the stack {project.name} is up to date")
    live = Live(account, project.name)
    print(live.shown())
    if live.version != published and not live.canaries:
        print(f"it was rolled back from version {published}: `make promote` moves it there again")
    clean_up(account, project, live, published)
    show(account, project, stack.outputs())


def change(
    account: Account,
    project: Project,
    stack: Stack,
    live: Live,
    template: str,
    values: dict[str, str],
) -> bool:
    """Change the stack. An update that fails is undone by CloudFormation, to where its parameters
    say that the alias was.

    The alias may have been moved since by `make rollback` or `make promote`: it is then put back to
    where it was.
    """
    try:
        return stack.change(template, values)
    except UserError:
        now = Live(account, project.name)
        if live.version and now.version:
            now.move(live.version, live.history, live.canaries, live.left)
        raise


def clean_up(account: Account, project: Project, live: Live, published: str) -> None:
    """Delete versions beyond five, with the images and models that only they used. A SnapStart
    version costs until it is deleted.
    """
    there = live.versions()
    needed = list(dict.fromkeys([live.version, *live.canaries, published, *live.history]))
    kept = [version for version in needed if version in there][:KEPT]
    gone = there.keys() - set(kept)
    images = {version: digest_of(live, version) for version in there}
    for version in sorted(gone, key=int):
        live.client.delete_function(FunctionName=project.name, Qualifier=version)
        print(f"deleted version {version}, to which `make rollback` no longer leads")
    unused = {images[version] for version in gone} - {images[version] for version in kept}
    if unused:
        ids = [{"imageDigest": digest} for digest in unused]
        account.client("ecr").batch_delete_image(repositoryName=project.name, imageIds=ids)
        print(f"deleted {len(unused)} images that no version uses any more")
    used = {models.model_of(there[version]) for version in kept}
    for url in {models.model_of(there[version]) for version in gone} - used - {""}:
        models.delete(account, url)


def digest_of(live: Live, version: str) -> str:
    """Return the digest of the image that a version runs."""
    code = live.client.get_function(FunctionName=live.name, Qualifier=version)["Code"]
    return code.get("ResolvedImageUri", code["ImageUri"]).split("@")[-1]


def canary_share(given: int | None) -> int | None:
    """Validate the percentage of calls for a canary, None without one. Raises UserError."""
    if given is not None and not 1 <= given <= 99:
        raise UserError(f"CANARY={given} is not a percentage from 1 to 99")
    return given


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument(
        "--canary",
        type=int,
        help="percentage of calls that the new version gets; `make promote` gives it all",
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before deploying to an account on AWS"
    )
    parser.add_argument(
        "--asked", action="store_true", help="the push before has asked for the deployment too"
    )
    args = parser.parse_args()
    canary = canary_share(args.canary)
    project = Project(args.model)
    with connected() as account:
        deploy(account, project, canary, args.yes, args.asked)


if __name__ == "__main__":
    main()
