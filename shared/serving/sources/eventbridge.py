"""Events of an EventBridge rule: the request is the event's `detail`."""

from __future__ import annotations

from shared.serving import TYPE_CHECKING, logs
from shared.serving.sources import json_text

if TYPE_CHECKING:
    from shared.serving.app import Service


def detect(event: dict) -> str:
    """Return the source's name for an event of any rule; s3.py is asked first."""
    return "eventbridge" if "detail-type" in event and "detail" in event else ""


def respond(event: dict, context: object, service: Service) -> dict:
    """Return the response to the request in `detail`, and log it: no caller waits for it."""
    return logs.record_response(json_text.check_size(service.predict(event["detail"])))
