"""Deploys a project's pushed image: brings its stack to scripts/template.yaml and publishes a version. First time or later."""

from __future__ import annotations

import argparse
import json

from scripts import ecr
from scripts.aws import Account, connected
from scripts.live import KEPT, Live
from scripts.outputs import show
from scripts.parameters import parameters, template_for
from scripts.project import Project
from scripts.stack import Stack

COSTS = """the first deployment of {name} in this region. What it costs, us-east-1, as of November 2026:
  idle      about $0.02 a month for each image in ECR; alarms beyond ten in the account $0.10 a month each;
            a queue is polled, some 400,000 requests a month, of which a million a month are free in the account
  in use    $0.20 per million calls and $0.0000166667 per GB-second (a million calls and 400,000 GB-s a month are free),
            HTTP API $1.00 per million, EventBridge $1.00 per million
  on demand SnapStart and provisioned concurrency cost while idle too: both are off unless function.toml turns them on"""


def image_to_deploy(account: Account, project: Project) -> dict:
    """What the last `make push` of this checkout pushed, or else the newest image in the repository."""
    client = account.client("ecr")
    note = project.folder / "build/pushed.json"
    pushed = json.loads(note.read_text()) if note.exists() else {}
    if pushed.get("registry") == account.registry:
        image = ecr.described(client, project.name, imageDigest=pushed["digest"])
        if image:
            return image
    if images := ecr.images(client, project.name):
        return images[0]
    raise SystemExit(f"{project.name} has no image in ECR here: run `make push MODEL={project.name}`")


def live_parameters(stack: Stack, live: Live, wanted: dict[str, str], canary: int | None) -> dict[str, str]:
    """Where `live` shall point. Only a new version moves it: what was rolled back stays so when something else is deployed.

    canary: the percentage of calls that the published version shall get, None where the user did not say.
    """
    before = stack.parameters()
    published = stack.outputs()["Version"] if before else None
    if not live.version or not before:
        if canary is not None:
            print("there is no version yet beside which a canary could run: the first one gets all calls")
        return {"LiveVersion": "", "LiveHistory": "", "CanaryWeight": "0"}
    history = ",".join(live.history)
    if before["VersionLabel"] != wanted["VersionLabel"]:
        if canary is not None:
            return {"LiveVersion": live.version, "LiveHistory": history, "CanaryWeight": f"{canary / 100:g}"}
        return {"LiveVersion": "", "LiveHistory": ",".join([live.version, *live.history][:9]), "CanaryWeight": "0"}
    if live.version == published:
        if canary is not None:
            raise SystemExit(f"version {published} is live already, with this image and these settings: a canary needs a new one")
        return {"LiveVersion": "", "LiveHistory": history, "CanaryWeight": "0"}
    weight = live.canaries.get(published or "", 0) if canary is None else canary / 100
    return {"LiveVersion": live.version, "LiveHistory": history, "CanaryWeight": f"{weight:g}"}


def deploy(account: Account, project: Project, canary: int | None) -> None:
    """Change set, version, alias, clean-up, outputs. Whatever an earlier command left half done is finished first."""
    if canary is not None and project.deploy["provisioned_concurrency"]:
        raise SystemExit("AWS runs no canary beside provisioned concurrency: set it to 0 in function.toml first")
    image = image_to_deploy(account, project)
    stack = Stack(account, project.name)
    stack.settle()
    wanted = parameters(account, project, image["imageDigest"])
    if not stack.parameters() and not account.local:
        print(COSTS.format(name=project.name))
    live = Live(account, project.name)
    wanted |= live_parameters(stack, live, wanted, canary)
    print(f"deploying {project.name}:{image['imageTags'][0]}", flush=True)
    if not stack.change(template_for(project), wanted):
        print(f"the stack {project.name} is up to date")
    settle_live(account, project, stack, wanted)
    show(account, project, stack.outputs())


def settle_live(account: Account, project: Project, stack: Stack, wanted: dict[str, str]) -> None:
    """Sees that `live` points where it should, even if it was moved by hand, and removes old versions."""
    published = stack.outputs()["Version"]
    live = Live(account, project.name)
    version = wanted["LiveVersion"] or published
    weight = float(wanted["CanaryWeight"])
    live.move(version, [old for old in wanted["LiveHistory"].split(",") if old], {published: weight} if weight else {})
    print(live.shown())
    if live.version != published and not live.canaries:
        print(f"it was rolled back from version {published}: `make promote` moves it there again")
    clean_up(account, project, live, published)


def clean_up(account: Account, project: Project, live: Live, published: str) -> None:
    """Deletes versions beyond five, with the images that only they used. A SnapStart version costs until it is deleted."""
    there = live.versions()
    needed = list(dict.fromkeys([live.version, *live.canaries, published, *live.history]))
    kept = [version for version in needed if version in there][:KEPT]
    images = {version: digest_of(live, version) for version in there}
    for version in sorted(there.keys() - set(kept), key=int):
        live.client.delete_function(FunctionName=project.name, Qualifier=version)
        print(f"deleted version {version}, beyond the {KEPT} that are kept")
    unused = {images[version] for version in there.keys() - set(kept)} - {images[version] for version in kept}
    if unused:
        ids = [{"imageDigest": digest} for digest in unused]
        account.client("ecr").batch_delete_image(repositoryName=project.name, imageIds=ids)
        print(f"deleted {len(unused)} images that no version uses any more")


def digest_of(live: Live, version: str) -> str:
    """The digest of the image that a version runs."""
    code = live.client.get_function(FunctionName=live.name, Qualifier=version)["Code"]
    return code.get("ResolvedImageUri", code["ImageUri"]).split("@")[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--canary", type=int, help="percentage of calls that the new version gets; `make promote` gives it all")
    args = parser.parse_args()
    if args.canary is not None and not 1 <= args.canary <= 99:
        raise SystemExit(f"CANARY={args.canary} is not a percentage from 1 to 99")
    project = Project(args.model)
    with connected() as account:
        deploy(account, project, args.canary)


if __name__ == "__main__":
    main()
