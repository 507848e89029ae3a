"""Build a project's image, or take one that is built, and push it to its repository in ECR.

Creates the repository if it is missing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time

from scripts.aws import ecr
from scripts.aws.account import Account, connected
from scripts.aws.costs import require_deployment
from scripts.aws.parameters import bucket_name, require_environment
from scripts.aws.stack import Stack
from scripts.aws.upload import docker, upload
from scripts.local.build import build, require_entrypoint
from scripts.local.docker import DOCKER, PLATFORMS, require_engine
from scripts.project import ROOT, Project, require_deployable
from shared.errors import UserError
from shared.git import git


def push(account: Account, project: Project, image: str) -> str:
    """Push an image of the engine unless the repository has it already. Returns its digest.

    Records it in build/pushed.json, for `make deploy`.
    """
    image_id = require_platform(project, image)
    client = account.client("ecr")
    ecr.ensure_repository(client, account, project.name)
    known = ecr.find(client, project.name, image_id)
    if known:
        print(f"{project.name}:{known['imageTags'][0]} has the same content: nothing to push")
    else:
        tag = new_tag()
        upload(account, client, image, f"{account.registry}/{project.name}:{tag}")
        known = ecr.described(client, project.name, imageTag=tag)
        if not known:
            raise UserError(
                f"{project.name}:{tag} was pushed, and ECR does not have it: run the same command "
                "again"
            )
    note = {
        "registry": account.registry,
        "digest": known["imageDigest"],
        "tag": known["imageTags"][0],
    }
    build_folder = project.folder / "build"
    build_folder.mkdir(exist_ok=True)  # not there yet where the image was built elsewhere
    (build_folder / "pushed.json").write_text(json.dumps(note))
    print(f"{account.registry}/{project.name}@{known['imageDigest']}")
    return known["imageDigest"]


def require_platform(project: Project, image: str) -> str:
    """Return the id of an image, sha256:…. Raises UserError if it is for another
    processor (exec format error).
    """
    image_id, architecture = docker(
        "image", "inspect", "--format", "{{.Id}} {{.Architecture}}", image
    ).split()
    needed = PLATFORMS[project.architecture]
    if architecture != needed:
        raise UserError(
            f"{image} is built for {architecture}, but {project.name}/function.toml says "
            f"{project.architecture}: build it with BUILD_FLAGS='--platform linux/{needed}', or "
            "change architecture there"
        )
    return image_id if ":" in image_id else f"sha256:{image_id}"  # Podman leaves the algorithm out


def new_tag() -> str:
    """Return a tag that sorts by time and names the commit, such as 20261124T041530-a0170ea.

    It ends with -dirty if files differ from the commit.
    """
    sha = git(ROOT, "rev-parse", "--short", "HEAD") or "no-git"
    dirty = "-dirty" if git(ROOT, "status", "--porcelain") else ""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{sha}{dirty}"


def require_image(image: str) -> None:
    """Raise UserError unless the engine has this image and it can start."""
    if not re.fullmatch(r"\w[\w.:/@-]*", image, re.ASCII):
        raise UserError(f"IMAGE={image} does not name an image: use name:tag")
    require_engine()
    if not docker("image", "inspect", "--format", "{{.Id}}", image, or_else=""):
        raise UserError(
            f"{DOCKER} has no image {image}: `{DOCKER} image ls` lists what it has, `{DOCKER} "
            "load` adds one"
        )
    require_entrypoint(image, "it", "set IMAGE")


def train_and_export(project: Project, data: str) -> None:
    """Bring the model file up to date, as `make build` does.

    Exits with the status of that command if it fails: it has printed the reason.
    """
    command = [sys.executable, "scripts/model.py", "ensure", project.name, f"--data={data}"]
    if status := subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the project folder")
    parser.add_argument(
        "--image", help="name:tag of an image that is built: push it, and build none"
    )
    parser.add_argument("--data", default="", help="file, folder or URL to train with")
    parser.add_argument(
        "--deploy",
        action="store_true",
        help="ask for the deployment too, which follows and does not ask again",
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before pushing to an account on AWS"
    )
    args = parser.parse_args()
    project = Project(args.model)
    require_deployable(project.name)
    require_environment(project)
    with connected() as account:  # before a build, not after it
        if project.deploy["bucket"]:
            bucket_name(account, project.name)  # a long name fails now, not in `make deploy`
        require_deployment(
            account,
            Stack(account, project.name),
            "push and deploy" if args.deploy else "push",
            args.yes,
        )
        if args.image:
            require_image(args.image)
        else:
            train_and_export(project, args.data)
            build(project)
        push(account, project, args.image or project.image)


if __name__ == "__main__":
    main()
