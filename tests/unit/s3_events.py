"""Events of S3, direct and through EventBridge, for created and other objects."""


def notification(name, key="input/a.jsonl"):
    """Return a record of an S3 notification."""
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "bucket"}, "object": {"key": key, "size": 1}},
    }


def through_the_bus(kind, key="input/a.jsonl"):
    """Return an S3 event as EventBridge delivers it."""
    detail = {"bucket": {"name": "bucket"}, "object": {"key": key}, "reason": "DeleteObject"}
    return {"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail}


NOT_CREATIONS = [
    *(
        {"Records": [notification(name)]}
        for name in (
            "ObjectRemoved:Delete",
            "ObjectRemoved:DeleteMarkerCreated",
            "s3:ObjectTagging:Put",
            "ObjectRestore:Post",
        )
    ),
    *(
        through_the_bus(kind)
        for kind in ("Object Deleted", "Object Tags Added", "AWS API Call via CloudTrail")
    ),
    {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-24T15:00:00.000Z",
        "Bucket": "bucket",
    },
]
