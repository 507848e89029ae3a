"""A part of a file in S3, from the distributed map that scripts/aws/score.py starts."""

from __future__ import annotations

from shared.serving.sources import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.serving.app import Service


def detect(event: dict) -> str:
    """Return the source's name for {"score": {…}}."""
    return "bulk" if event.keys() == {"score"} else ""


def respond(event: dict, context: object, service: Service) -> dict:
    """Score the rows of the part: see s3_objects.score_part."""
    from shared.serving.sources import s3_objects  # with boto3, for which no other source waits

    return s3_objects.score_part(event["score"], service)
