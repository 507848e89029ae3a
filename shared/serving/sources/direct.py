"""Requests without an envelope: boto3, the AWS CLI, a schedule's input, a task of a workflow."""

from __future__ import annotations

from shared.serving.errors import InvalidInput
from shared.serving.sources import TYPE_CHECKING, unsupported
from shared.serving.sources.responses import check_size

if TYPE_CHECKING:
    from shared.serving.app import Service


def respond(event: object, context: object, service: Service) -> dict:
    """Return the response to an event that is the request itself.

    Raises InvalidInput. If the event is of a source that is not supported, the error names it.
    """
    try:
        return check_size(service.predict(event))
    except InvalidInput as refusal:
        raise unsupported.refusal_of(event) or refusal from None
