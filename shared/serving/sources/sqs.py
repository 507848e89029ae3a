"""Messages of an SQS queue: one request in the body of each record.

The event source mapping needs `FunctionResponseTypes: [ReportBatchItemFailures]`.
"""

from __future__ import annotations

from shared.serving import TYPE_CHECKING, logs
from shared.serving.errors import InvalidInput, kind_of
from shared.serving.sources import direct, json_text

if TYPE_CHECKING:
    from shared.serving.app import Service


def detect(event: dict) -> str:
    """Return the source's name for a batch of messages, an empty one included."""
    records = event.get("Records")
    return "sqs" if isinstance(records, list) and all(map(_is_message, records[:1])) else ""


def respond(event: dict, context: object, service: Service) -> dict:
    """Return the ids of the records that failed. They return to the queue, and after some attempts
    to its dead-letter queue.
    """
    for index, record in enumerate(event["Records"]):
        if not _is_message(record):
            return direct.respond(event, context, service)  # which refuses it
        if not isinstance(record.get("messageId"), str):
            reason = f"must be text, not {kind_of(record.get('messageId'))}"
            raise InvalidInput((("Records", index, "messageId"), reason))
    failures = []
    for record in event["Records"]:
        try:
            response = service.predict(json_text.parse(record.get("body")))
            logs.record_response(response, message_id=record["messageId"])
        except Exception as error:  # one bad message must not return the others to the queue
            logs.record_failure(error)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _is_message(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"
