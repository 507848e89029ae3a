"""Events of S3, from a notification of the bucket or through EventBridge, and parts of files in S3
from the distributed map that scripts/aws/score.py starts.
"""

from __future__ import annotations

from shared.serving import TYPE_CHECKING, logs
from shared.serving.errors import InvalidInput
from shared.serving.sources import eventbridge

if TYPE_CHECKING:
    from shared.serving.app import Service


def detect(event: dict) -> str:
    """Return the source's name for a notification, a test event, or a rule's event of S3."""
    if eventbridge.detect(event):
        return "s3" if event.get("source") == "aws.s3" else ""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    is_notification = isinstance(first, dict) and "s3" in first
    return "s3" if is_notification or event.get("Event") == "s3:TestEvent" else ""


def respond(event: dict, context: object, service: Service) -> dict:
    """Score the objects that were created: see s3_objects.score_objects.

    All other events, such as a deletion or the test event, are counted: a retry would not help.
    Raises InvalidInput for an event that does not name its object, or an object that cannot be
    scored.
    """
    if eventbridge.detect(event):
        key, records = "detail", [event["detail"]]
        created = records if event["detail-type"] == "Object Created" else []
    else:
        key = "Records"
        is_test = not isinstance(event.get("Records"), list)
        records = [{"eventName": "s3:TestEvent"}] if is_test else event["Records"]
        of_creations = [record for record in records if _is_creation(record)]
        created = [
            record.get("s3") if isinstance(record, dict) else None for record in of_creations
        ]
    logs.count("ignored", len(records) - len(created))
    if not all(map(_names_an_object, created)):
        raise InvalidInput(((key,), "must name a bucket and an object"))
    if not created:
        return {"results": []}
    # With the first event: no other source has to wait for boto3.
    from urllib.parse import unquote_plus

    from shared.serving.sources import s3_objects

    decode = unquote_plus if key == "Records" else str  # EventBridge sends the key as it is
    objects = [(entity["bucket"]["name"], decode(entity["object"]["key"])) for entity in created]
    return s3_objects.score_objects(objects, service)


def detect_part(event: dict) -> str:
    """Return the source's name for {"score": {…}}, a part of a file."""
    return "bulk" if event.keys() == {"score"} else ""


def respond_to_part(event: dict, context: object, service: Service) -> dict:
    """Score the rows of a part: see s3_objects.score_part."""
    from shared.serving.sources import s3_objects

    return s3_objects.score_part(event["score"], service)


def _is_creation(record: object) -> bool:
    """Return whether a record is about a new object. One without an event's name is taken for it:
    what is wrong with it is found later.
    """
    name = record.get("eventName") if isinstance(record, dict) else None
    return not isinstance(name, str) or name.removeprefix("s3:").startswith("ObjectCreated:")


def _names_an_object(entity: object) -> bool:
    if not isinstance(entity, dict):
        return False
    parts = ((entity.get("bucket"), "name"), (entity.get("object"), "key"))
    return all(
        isinstance(part, dict) and isinstance(part.get(key), str) and part[key]
        for part, key in parts
    )
