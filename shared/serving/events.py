"""Who calls the function, by the form of the event, and what each of them is answered.

`predict` is the project's own: it takes one request, a JSON value, and gives the answer as a dict, or raises InvalidInput.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.serving import logs, web
from shared.serving.errors import InvalidInput

Predict = Callable[[object], dict]


def serve(event, context, predict: Predict, metadata: dict, media: str = "", many: str | None = None):
    """Answers one event of any kind, and logs one line about it.

    metadata: the model's. media: how the media type of an HTTP body begins that predict takes beside JSON: "image/", say.
    many: the key of a list of rows in a request; None where each line of a file is a request of its own.
    Raises InvalidInput where the caller sees exceptions: on a direct invoke and from EventBridge, S3 and Step Functions.
    """
    trigger = trigger_of(event)
    with logs.invocation(context, trigger, metadata):
        if trigger in web.TRIGGERS:
            return web.respond(event, context, predict, metadata, media)
        if trigger in ("s3", "bulk"):
            from shared.serving import storage  # not at the start, which all callers would wait for

            score = storage.score_part if trigger == "bulk" else storage.score_objects
            return score(event, predict, metadata, many)
        return HANDLERS[trigger](event, predict)


def trigger_of(event: object) -> str:
    """The name of what sent the event: a key of HANDLERS, one of web.TRIGGERS, s3, or bulk."""
    if not isinstance(event, dict):
        return "invoke"
    if isinstance(event.get("requestContext"), dict):
        return web.trigger_of(event["requestContext"], event)
    if "detail-type" in event and "detail" in event:
        return "s3" if event.get("source") == "aws.s3" else "eventbridge"
    if isinstance(records := event.get("Records"), list):
        return "s3" if records and isinstance(records[0], dict) and "s3" in records[0] else "sqs"
    if event.keys() == {"score"}:
        return "bulk"
    return "step_functions" if isinstance(event.get("Items"), list) else "invoke"


def _invoke(event: object, predict: Predict) -> dict:
    """The event is the request (boto3, the AWS CLI, a schedule's input, a task of a state machine)."""
    return predict(event)


def _eventbridge(event: dict, predict: Predict) -> dict:
    """`detail` is the request. Nobody waits for the answer, so it is logged too."""
    return _logged(predict(event["detail"]))


def _step_functions(event: dict, predict: Predict) -> list[dict]:
    """A batch of a distributed map, one request an item; a refused item is answered in its place by its problem."""
    answers = []
    for item in event["Items"]:
        try:
            answers.append(predict(item))
        except InvalidInput as refusal:
            logs.failed(refusal)
            answers.append(web.problem(refusal.status, str(refusal), errors=refusal.pointers()))
    return answers


def _sqs(event: dict, predict: Predict) -> dict:
    """One request a record. The records that failed go back to the queue, and from there to its dead-letter queue.

    Needs `FunctionResponseTypes: [ReportBatchItemFailures]` on the event source mapping.
    """
    failures = []
    for record in event["Records"]:
        if not isinstance(record, dict) or record.get("eventSource") != "aws:sqs":
            raise InvalidInput((("Records",), "must all come from SQS"))
        try:
            _logged(predict(web.parsed(record["body"])), message_id=record["messageId"])
        except Exception as error:  # one bad message must not bring back the others
            logs.failed(error)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


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
}
