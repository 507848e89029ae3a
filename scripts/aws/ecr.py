"""A project's image repository in ECR."""

from __future__ import annotations

import json
from typing import Any

import botocore.exceptions as errors

from scripts.aws.account import Account, code_of
from shared.errors import UserError

# On all that the commands make: they delete nothing that lacks it.
TAG = {"Key": "made-by", "Value": "onnx-on-lambda"}
# In a repository, at $0.10 per GB and month; `make deploy` removes those that no version uses.
MOST_IMAGES = 100
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "left over from interrupted pushes",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 1,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": "never so few that an image in use could go",
            "selection": {
                "tagStatus": "any",
                "countType": "imageCountMoreThan",
                "countNumber": MOST_IMAGES,
            },
            "action": {"type": "expire"},
        },
    ]
}


def ensure_repository(client: Any, account: Account, name: str) -> None:
    """Create the repository unless it exists, and set its policies: an earlier attempt may have
    been interrupted.

    Raises UserError if there is a repository of that name that is not this project's.
    """
    try:
        client.create_repository(
            repositoryName=name,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            tags=[TAG],
        )
        print(f"made the repository {name}")
    except client.exceptions.RepositoryAlreadyExistsException:
        if not is_ours(client, name):
            raise UserError(
                f"the ECR repository {name} is there, and not made by these commands: rename the "
                "folder"
            ) from None
    client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(LIFECYCLE))
    client.set_repository_policy(
        repositoryName=name, policyText=json.dumps(pull_policy(account, name))
    )


def pull_policy(account: Account, name: str) -> dict:
    """Return the policy that lets Lambda pull the images for this function alone, at any time."""
    function = f"arn:{account.partition}:lambda:{account.region}:{account.id}:function:{name}"
    statement = {
        "Sid": "LambdaPullsImages",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Condition": {"StringLike": {"aws:sourceArn": [function, f"{function}:*"]}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def is_ours(client: Any, name: str) -> bool:
    """Return whether these commands made the repository, which must exist."""
    [repository] = client.describe_repositories(repositoryNames=[name])["repositories"]
    return TAG in client.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]


def images(client: Any, name: str) -> list[dict]:
    """Return the tagged images, the newest first; none if there is no repository."""
    try:
        pages = client.get_paginator("describe_images").paginate(repositoryName=name)
        found = [
            image for page in pages for image in page["imageDetails"] if image.get("imageTags")
        ]
    except client.exceptions.RepositoryNotFoundException:
        return []
    return sorted(
        found, key=lambda image: (image["imagePushedAt"], image["imageTags"][0]), reverse=True
    )


def described(client: Any, name: str, **image_id: str) -> dict | None:
    """Return an image by imageTag or imageDigest, or None."""
    try:
        found = client.describe_images(repositoryName=name, imageIds=[image_id])["imageDetails"]
        return found[0] if found else None  # the local AWS has no error for a deleted image
    except errors.ClientError as error:
        if code_of(error) in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return None
        raise


def find(client: Any, name: str, image_id: str) -> dict | None:
    """Return the pushed image with the content of a local one, or None.

    image_id: the engine's, sha256:…: the digest of the image's configuration, or of its manifest
        where containerd stores images.
    """
    known = images(client, name)
    for start in range(0, len(known), 100):  # the most that one call takes
        some = {image["imageDigest"]: image for image in known[start : start + 100]}
        answer = client.batch_get_image(
            repositoryName=name, imageIds=[{"imageDigest": digest} for digest in some]
        )
        for found in answer["images"]:
            digest = found["imageId"]["imageDigest"]
            configuration = json.loads(found["imageManifest"]).get("config", {})
            if image_id in (digest, configuration.get("digest")):
                return some[digest]
    return None
