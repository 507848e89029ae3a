"""Parts of the responses of several sources: problems (RFC 9457), and limits of size."""

from __future__ import annotations

import json

from shared.serving.errors import InvalidInput

MOST_BYTES = 6_291_556  # of what the function returns, as JSON: Lambda's limit
TITLES = {
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
}


def problem(status: int, detail: str, **members: object) -> dict:
    """Return a problem as RFC 9457 describes it."""
    title = TITLES[status]
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}


def problem_of(refusal: InvalidInput) -> dict:
    """Return a refusal as a problem. It names the caller's keys: for the caller alone."""
    return problem(refusal.status, refusal.detail(), errors=refusal.pointers())


def check_size(response: dict) -> dict:
    """Return a response that Lambda can carry, or raise InvalidInput.

    Lambda's runtime client writes UTF-8; ASCII, as here, is never shorter.
    """
    require_size(len(json.dumps(response, allow_nan=False)))
    return response


def require_size(size: int, most: int = MOST_BYTES) -> None:
    """Raise InvalidInput if a response of this size in bytes is too large for its caller."""
    if size > most:
        reason = f"has an answer larger than {most:,} bytes: send fewer rows"
        raise InvalidInput(((), reason), status=413)
