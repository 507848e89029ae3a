"""Requests without an envelope: boto3, the AWS CLI, a schedule's input, a task of a workflow."""

from __future__ import annotations

from shared.serving import TYPE_CHECKING
from shared.serving.errors import InvalidInput
from shared.serving.sources import json_text

if TYPE_CHECKING:
    from shared.serving.app import Service


def detect(event: dict) -> str:
    """Return a name for any event: unknown, if it is an envelope of another service."""
    is_envelope = "requestContext" in event or isinstance(event.get("Records"), list)
    return "unknown" if is_envelope else "invoke"


def respond(event: object, context: object, service: Service) -> dict:
    """Return the response to an event that is the request itself.

    Raises InvalidInput. If the event is from a source that is not supported, the error names it;
    Lambda retries an asynchronous invocation, and then keeps its event.
    """
    refusal = None
    if not isinstance(event, dict) or detect(event) == "invoke":
        try:
            return json_text.check_size(service.predict(event))
        except InvalidInput as error:
            refusal = error
    from shared.serving.sources import unsupported  # for a refusal alone

    refusal = unsupported.refusal_of(event) or refusal
    raise refusal or unsupported.refusal("a service that is not known")
