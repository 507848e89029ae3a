"""A batch of items from a distributed map of Step Functions: each item is a request."""

from __future__ import annotations

import json

from shared.serving import TYPE_CHECKING, logs
from shared.serving.errors import InvalidInput, problem_of
from shared.serving.sources import json_text

if TYPE_CHECKING:
    from shared.serving.app import Service

MOST_ITEMS = 10_000  # requests in one event
MOST_STATE_BYTES = 250_000  # of the responses: a state is limited to 256 KiB, with an envelope


def detect(event: dict) -> str:
    """Return the source's name for a batch of items."""
    return "step_functions" if isinstance(event.get("Items"), list) else ""


def respond(event: dict, context: object, service: Service) -> list[dict]:
    """Return the responses in the order of the items: the problem, for an item that is refused.

    Raises InvalidInput if there are too many items, or their responses are too large.
    """
    if len(event["Items"]) > MOST_ITEMS:
        reason = f"has {len(event['Items']):,} items, more than {MOST_ITEMS:,}"
        raise InvalidInput((("Items",), reason), status=413)
    responses: list[dict] = []
    size = 0
    for item in event["Items"]:
        try:
            responses.append(service.predict(item))
        except InvalidInput as refusal:
            logs.record_failure(refusal)
            responses.append(problem_of(refusal))
        size += len(json.dumps(responses[-1], allow_nan=False)) + 2
        # After each item: the problems of many small items take a hundred times their memory.
        json_text.require_size(size, MOST_STATE_BYTES)
    return responses
