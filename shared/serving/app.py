"""Detect the source of an event and dispatch the event to the adapter of that source."""

from __future__ import annotations

from collections.abc import Callable

from shared.serving import logs
from shared.serving.sources import direct, eventbridge, http_events, s3, sqs, step_functions

# The event sources, in the order in which they are asked. A detector takes an event and returns the
# name of its source for the log, "" if the event is from another one; the last takes any event. An
# adapter takes the event, Lambda's context and the service, and returns what the function returns.
SOURCES: tuple[tuple[Callable[[dict], str], Callable[..., object]], ...] = (
    (http_events.detect, http_events.respond),
    (s3.detect, s3.respond),
    (s3.detect_part, s3.respond_to_part),
    (eventbridge.detect, eventbridge.respond),
    (sqs.detect, sqs.respond),
    (step_functions.detect, step_functions.respond),
    (direct.detect, direct.respond),
)


class Service:
    """A model behind all event sources.

    predict: the project's own: takes one request, a JSON value, and returns the response as a
        dict. Raises InvalidInput for a request that it cannot answer.
    metadata: of the model file.
    batch_key: the key of a list of rows in a request; None if a request has no rows. Each line of
        a file is then a request of its own.
    media: the start of the media type of the HTTP bodies, such as "image/", that predict takes in
        addition to JSON.
    """

    def __init__(
        self,
        predict: Callable[..., dict],
        metadata: dict,
        *,
        batch_key: str | None = None,
        media: str = "",
    ):
        self.predict, self.metadata = predict, metadata
        self.batch_key, self.media = batch_key, media

    def __call__(self, event: object, context: object) -> object:
        """Respond to one event, and log one line about it.

        Raises InvalidInput where the caller sees exceptions: for all sources but HTTP and SQS.
        """
        source = "invoke"
        respond: Callable[..., object] = direct.respond
        if isinstance(event, dict):
            found = ((detect(event), adapter) for detect, adapter in SOURCES)
            source, respond = next(pair for pair in found if pair[0])
        with logs.invocation(context, source, self.metadata):
            return respond(event, context, self)
