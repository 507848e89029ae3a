"""Detect the event source and dispatch to its adapter.

`predict` is the project's own: it takes one request, a JSON value, and gives the answer as a dict,
or raises InvalidInput.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from shared.serving import logs
from shared.serving.errors import InvalidInput, kind_of
from shared.serving.sources import http_events

Predict = Callable[[object], dict]

MOST_ITEMS = 10_000  # requests in one event of Step Functions
MOST_STATE_BYTES = (
    250_000  # of their answers: a state machine takes 256 KiB, with what it adds to them
)


def serve(
    event, context, predict: Predict, metadata: dict, media: str = "", many: str | None = None
):
    """Answers one event of any kind, and logs one line about it.

    metadata: the model's. media: how the media type of an HTTP body begins that predict takes
        beside JSON: "image/", say.
    many: the key of a list of rows in a request; None where each line of a file is a request of its
        own.
    Raises InvalidInput where the caller sees exceptions: for all event sources but HTTP and SQS.
    """
    trigger = trigger_of(event)
    with logs.invocation(context, trigger, metadata):
        if trigger in http_events.TRIGGERS:
            return http_events.respond(event, context, predict, metadata, media)
        if trigger == "s3":
            return _s3(event, predict, metadata, many)
        if trigger == "bulk":
            from shared.serving.sources import (
                s3_events,
            )  # not at the start, which all callers would wait for

            return s3_events.score_part(event, predict, metadata, many)
        return HANDLERS[trigger](event, predict)


def trigger_of(event: object) -> str:
    """The name of what sent the event: a key of HANDLERS, one of web.TRIGGERS, s3, or bulk."""
    if not isinstance(event, dict):
        return "invoke"
    if "requestContext" in event:
        return http_events.trigger_of(event) or "unknown"
    if _is_from_bus(event):
        return "s3" if event.get("source") == "aws.s3" else "eventbridge"
    if isinstance(records := event.get("Records"), list):
        first = records[0] if records else {"eventSource": "aws:sqs"}
        if isinstance(first, dict) and "s3" in first:
            return "s3"
        return (
            "sqs"
            if isinstance(first, dict) and first.get("eventSource") == "aws:sqs"
            else "unknown"
        )
    if event.get("Event") == "s3:TestEvent":
        return "s3"
    if event.keys() == {"score"}:
        return "bulk"
    return "step_functions" if isinstance(event.get("Items"), list) else "invoke"


def _is_from_bus(event: dict) -> bool:
    return "detail-type" in event and "detail" in event


def _invoke(event: object, predict: Predict) -> dict:
    """The event is the request (boto3, the AWS CLI, a schedule's input, a task of a state
    machine).
    """
    try:
        return _measured(predict(event))
    except InvalidInput as refusal:
        raise _by_source(event, refusal) from None


def _eventbridge(event: dict, predict: Predict) -> dict:
    """`detail` is the request. Nobody waits for the answer, so it is logged too."""
    return _logged(_measured(predict(event["detail"])))


def _step_functions(event: dict, predict: Predict) -> list[dict]:
    """A batch of a distributed map, one request an item; a refused item is answered in its place by
    its problem.
    """
    if len(event["Items"]) > MOST_ITEMS:
        raise InvalidInput(
            (("Items",), f"has {len(event['Items']):,} items, more than {MOST_ITEMS:,}"), status=413
        )
    answers, size = [], 0
    for item in event["Items"]:
        try:
            answers.append(predict(item))
        except InvalidInput as refusal:
            logs.failed(refusal)
            answers.append(http_events.problem_of(refusal))
        size += len(json.dumps(answers[-1], allow_nan=False)) + 2
        http_events.check_size(
            size, MOST_STATE_BYTES
        )  # at once: the problems of many small items take a hundred times their memory
    return answers


def _sqs(event: dict, predict: Predict) -> dict:
    """One request a record. The records that failed go back to the queue, and from there to its
    dead-letter queue.

    Needs `FunctionResponseTypes: [ReportBatchItemFailures]` on the event source mapping.
    """
    for at, record in enumerate(event["Records"]):
        if not isinstance(record, dict) or record.get("eventSource") != "aws:sqs":
            return _unknown(event, predict)
        if not isinstance(record.get("messageId"), str):
            raise InvalidInput(
                (
                    ("Records", at, "messageId"),
                    f"must be text, not {kind_of(record.get('messageId'))}",
                )
            )
    failures = []
    for record in event["Records"]:
        try:
            _logged(predict(http_events.parsed(record.get("body"))), message_id=record["messageId"])
        except Exception as error:  # one bad message must not bring back the others
            logs.failed(error)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _s3(event: dict, predict: Predict, metadata: dict, many: str | None) -> dict:
    """Scores objects that were created. All else, such as a deletion or S3's test event, is
    counted: a retry would not help.
    """
    if _is_from_bus(event):
        created = [event["detail"]] if event["detail-type"] == "Object Created" else []
        others = 1 - len(created)
    else:
        records = (
            event["Records"]
            if isinstance(event.get("Records"), list)
            else [{"eventName": "s3:TestEvent"}]
        )
        of_creations = [record for record in records if _is_creation(record)]
        event = {"Records": of_creations}
        created = [
            record.get("s3") if isinstance(record, dict) else None for record in of_creations
        ]
        others = len(records) - len(created)
    logs.count("ignored", others)
    if not all(map(_names_an_object, created)):
        raise InvalidInput(
            (("detail" if _is_from_bus(event) else "Records",), "must name a bucket and an object")
        )
    if not created:
        return {"results": []}
    from shared.serving.sources import (
        s3_events,
    )  # not at the start, which all callers would wait for

    return s3_events.score_objects(event, predict, metadata, many)


def _is_creation(record: object) -> bool:
    """Whether a record of S3 is about a new object; where it does not say, it is, and what is wrong
    with it is found later.
    """
    name = record.get("eventName") if isinstance(record, dict) else None
    return not isinstance(name, str) or name.removeprefix("s3:").startswith("ObjectCreated:")


def _names_an_object(entity: object) -> bool:
    parts = (
        [(entity.get("bucket"), "name"), (entity.get("object"), "key")]
        if isinstance(entity, dict)
        else [(None, "")]
    )
    return all(
        isinstance(part, dict) and isinstance(part.get(key), str) and part[key]
        for part, key in parts
    )


def _unknown(event: dict, predict: Predict) -> dict:
    """An event of another service is refused by its name. Where nobody waits, Lambda then tries
    again and keeps it.
    """
    from shared.serving.sources import unsupported  # only for what is refused

    raise _by_source(event, unsupported.refusal_of("a service that is not known"))


def _by_source(event: object, refusal: InvalidInput) -> InvalidInput:
    """The refusal of an event of another service by that service's name; of all else, the refusal
    as it is.
    """
    from shared.serving.sources import unsupported  # only for what is refused

    source = unsupported.source_of(event)
    if source is None:
        return refusal
    name, title = source
    logs.sent_by(name)
    return unsupported.refusal_of(title)


def _measured(answer: dict) -> dict:
    """The answer, if it is one that Lambda can carry. ASCII is the longest way to write it: the
    runtime writes UTF-8.
    """
    http_events.check_size(len(json.dumps(answer, allow_nan=False)))
    return answer


def _logged(answer: dict, **where: str) -> dict:
    """The answer, after a copy of it went to the log."""
    logs.note("answers", {**where, **_without_warnings(answer)})
    return answer


def _without_warnings(answer):
    """Warnings quote the caller's values, which must not be logged."""
    if isinstance(answer, dict):
        return {key: _without_warnings(value) for key, value in answer.items() if key != "warnings"}
    return [_without_warnings(value) for value in answer] if isinstance(answer, list) else answer


HANDLERS: dict[str, Callable] = {
    "invoke": _invoke,
    "eventbridge": _eventbridge,
    "step_functions": _step_functions,
    "sqs": _sqs,
    "unknown": _unknown,
}
