"""Delete everything that these commands created for a project; show that it is gone. Ask first."""

from __future__ import annotations

import argparse
import json
import subprocess

import botocore.exceptions as errors

from scripts.aws import buckets, ecr, models, verify_deleted
from scripts.aws.account import MISSING, Account, code_of, connected
from scripts.aws.consent import require_consent
from scripts.aws.parameters import possible_bucket
from scripts.aws.stack import DEAD, Stack
from scripts.local.docker import DOCKER
from scripts.project import Project
from shared.errors import UserError


def destroy(account: Account, project: Project) -> list[str]:
    """Delete everything of a project; return the folders in which it had published models.

    It can be repeated after an interruption: a step does nothing if there is nothing to delete.
    """
    bucket = own_bucket(account, project.name)
    stack = Stack(account, project.name)
    found = stack.described()
    if found and found["StackStatus"].endswith("IN_PROGRESS"):
        stack.settle()
    if bucket:
        buckets.empty(account, bucket)
    folders = models.folders(account, project, found)
    for folder in folders:
        models.delete_folder(account, folder)
    stack.delete()
    if bucket:
        buckets.delete(account, bucket)  # of a stack that no longer has it
    delete_repository(account, project)
    delete_log(account, project.name)
    return folders


def own_bucket(account: Account, name: str) -> str | None:
    """Return the name of the project's bucket if these commands made it, or None."""
    bucket = possible_bucket(account, name)
    return bucket if bucket and buckets.is_ours(account, bucket) else None


def delete_log(account: Account, name: str) -> None:
    """Delete the function's log group, if it is there: an invocation that ended late may have made
    it again.
    """
    try:
        account.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")
    except errors.ClientError as error:
        if code_of(error) not in MISSING:
            raise


def delete_repository(account: Account, project: Project) -> None:
    """Delete the repository with its images, and on this machine the tags that pushing made."""
    client = account.client("ecr")
    try:
        if not ecr.is_ours(client, project.name):
            raise UserError(
                f"the ECR repository {project.name} was not made by these commands: it was not "
                "deleted"
            )
        client.delete_repository(repositoryName=project.name, force=True)
        print(f"deleted the repository {project.name}")
    except client.exceptions.RepositoryNotFoundException:
        pass
    note = project.folder / "build/pushed.json"
    if note.exists() and json.loads(note.read_text())["registry"] == account.registry:
        note.unlink()
    untag(f"{account.registry}/{project.name}")


def untag(repository: str) -> None:
    """Remove a repository's names of images from the engine on this machine, if there is one."""
    try:
        listed = subprocess.run(
            [DOCKER, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository],
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return
    names = [name for name in listed.stdout.split() if not name.endswith(":<none>")]
    if names:
        # Without --no-prune, the layers would go too that another build may be using.
        command = [DOCKER, "image", "rm", "--force", "--no-prune", *names]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def announce(project: Project, account: Account) -> None:
    """Print what would be deleted."""
    bucket = possible_bucket(account, project.name)
    stack = Stack(account, project.name).described()
    is_there = stack and stack["StackStatus"] not in DEAD
    state = "" if is_there else " (there is none, or what is left of one)"
    print(f"this deletes the stack {project.name}{state}, all its versions, queues and alarms,")
    with_bucket = f"the bucket {bucket} with all that is in it, " if bucket else ""
    print(f"{with_bucket}the repository {project.name} with all images, and the logs")
    for folder in models.folders(account, project, stack):
        published = models.listed(account, folder)
        print(f"and the published models in {folder}: {len(published)}", *published, sep="\n  ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    args = parser.parse_args()
    project = Project(args.model)
    with connected() as account:
        if not args.yes:
            announce(project, account)
        require_consent("delete all of it?", args.yes, "nothing was deleted")
        folders = destroy(account, project)
        bucket = own_bucket(account, project.name)
        # Once more, after everything that could start an invocation.
        delete_log(account, project.name)
        left = [url for folder in folders for url in models.listed(account, folder)]
        verify_deleted.report(account, project.name, [bucket] if bucket else [], left)


if __name__ == "__main__":
    main()
