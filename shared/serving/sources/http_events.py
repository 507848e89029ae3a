"""HTTP requests in the four forms that Lambda is given them, and their answers.

HTTP API and function URL send format 2.0, REST API 1.0, the load balancer its own:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import binascii
import json
import os
from collections.abc import Callable

from shared.serving import logs
from shared.serving.errors import InvalidInput

TRIGGERS = ("http_api", "function_url", "rest_api", "alb")
ROUTES = {
    "/": ("GET", "HEAD", "POST"),
    "/predict": ("POST",),
    "/health": ("GET", "HEAD"),
    "/schema": ("GET", "HEAD"),
}
MOST_BYTES = 6 * 1024 * 1024  # of a request: Lambda's own limit for synchronous calls
MOST_ANSWER_BYTES = 6_291_556  # of what the function returns, as JSON: Lambda's limit
MOST_ALB_BYTES = 1_000_000  # the same for a load balancer, which takes 1 MB
# in one JSON text; 10,000 rows have 20,004. A list takes up to 44 times the memory of its brackets
MOST_BRACKETS = 200_000
DEEPEST = 32  # brackets in brackets; a request of rows has 3
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SQUARE = bytes.maketrans(b"{}", b"[]")
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


def trigger_of(event: dict) -> str:
    """Which of TRIGGERS sent an event with a requestContext, or the empty text for all others, such
    as a WebSocket API.
    """
    context = event["requestContext"]
    if (
        not isinstance(context, dict) or "routeArn" in event or "methodArn" in event
    ):  # an authorizer's request has all else
        return ""
    if event.get("version") == "2.0":
        http = context.get("http")
        if not isinstance(http, dict) or not _are_texts(http.get("method"), event.get("rawPath")):
            return ""
        return "function_url" if ".lambda-url." in str(context.get("domainName")) else "http_api"
    if not _are_texts(event.get("httpMethod"), event.get("path")):
        return ""
    return "alb" if "elb" in context else "rest_api"


def respond(
    event: dict, context: object, predict: Callable, metadata: dict, media: str = ""
) -> dict:
    """The answer to one HTTP request, in the form that its sender takes. Never raises.

    media: how the media type of a body begins that predict takes beside JSON; a body of the type
        image/png, say, reaches it
        as {"image": <bytes>}.
    """
    extra: dict = {}
    method, path = _method_and_path(event)
    try:
        body = _routed(event, method, path, predict, metadata, extra, media)
        text = "" if body is None else json.dumps(body, allow_nan=False)
        answer = _formed(event, 204 if body is None else 200, extra, text)
        # Lambda writes the answer as JSON, which at most doubles JSON in ASCII: a small one need
        # not be written to be measured.
        most = MOST_ALB_BYTES if "elb" in event["requestContext"] else MOST_ANSWER_BYTES
        if 2 * len(text) + 1000 > most:
            check_size(len(json.dumps(answer)), most)
    except InvalidInput as refusal:
        logs.failed(refusal)
        answer = _formed(event, refusal.status, extra, json.dumps(problem_of(refusal)))
    except Exception as error:  # the caller learns where to look, and nothing of what is inside
        logs.failed(error)
        request_id = getattr(context, "aws_request_id", None)
        answer = _formed(
            event, 500, extra, json.dumps(problem(500, "the request failed", request_id=request_id))
        )
    return {**answer, "body": ""} if method == "HEAD" else answer


def check_size(size: int, most: int = MOST_ANSWER_BYTES) -> None:
    """Raises InvalidInput where an answer of this size in bytes is larger than its caller can be
    sent.
    """
    if size > most:
        raise InvalidInput(
            ((), f"has an answer larger than {most:,} bytes: send fewer rows"), status=413
        )


def problem(status: int, detail: str, **more: object) -> dict:
    """A problem as RFC 9457 describes it."""
    return {
        "type": "about:blank",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        **more,
    }


def problem_of(refusal: InvalidInput) -> dict:
    """A refusal as a problem, for the caller alone: it names the caller's keys."""
    return problem(refusal.status, refusal.detail(), errors=refusal.pointers())


def parsed(text: str | bytes) -> object:
    """JSON text as a value.

    Raises InvalidInput for text that is not JSON, NaN and Infinity among it, and for text with more
    brackets, or deeper in
    each other, than any request needs: a few megabytes of them would take all of a small function's
        memory.
    """
    try:
        text = text.decode() if isinstance(text, bytes) else text
        if not isinstance(text, str):
            raise InvalidInput(((), "must be JSON text"))
        if len(text) > 2 * DEEPEST:  # a shorter one cannot have too many
            _check_brackets(text.encode("utf-8", "surrogatepass"))
        return _decode(text)
    # json raises RecursionError for deep nesting, and a plain ValueError for very long numbers.
    except (ValueError, RecursionError) as error:
        where = (
            f" at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        raise InvalidInput(((), f"is not valid JSON{where}")) from None


def _check_brackets(data: bytes) -> None:
    """Raises InvalidInput for JSON with too many brackets, or too many in each other."""
    brackets = len(data.translate(None, _NO_BRACKETS))
    if brackets > MOST_BRACKETS:
        raise InvalidInput(
            ((), f"has {brackets:,} brackets, more than {MOST_BRACKETS:,}"), status=413
        )
    if brackets > 2 * DEEPEST and _is_deep(data):
        raise InvalidInput(((), f"is nested more than {DEEPEST} levels deep"))


def _is_deep(data: bytes) -> bool:
    """Whether valid JSON has more than DEEPEST brackets in each other. Takes a fraction of the time
    that parsing takes.
    """
    if b"\\" in data:
        data = data.replace(rb"\\", b"").replace(rb"\"", b"")
    # Brackets and quotes alone. A text without brackets leaves two quotes, and without those each
    # text still has its own.
    data = data.translate(_SQUARE, _NO_BRACKETS.replace(b'"', b"")).replace(b'""', b"")
    if b'"' in data:
        data = b"".join(data.split(b'"')[::2])
    for _ in range(DEEPEST):
        data = data.replace(b"[]", b"")  # the innermost
    return b"[]" in data


def _routed(
    event: dict, method: str, path: str, predict: Callable, metadata: dict, extra: dict, media: str
) -> dict | None:
    """The body of the answer, None for an empty one; extra takes headers that go with it."""
    if path not in ROUTES:
        raise InvalidInput(
            ((), f"has no such path here: there are {', '.join(ROUTES)}"), status=404
        )
    methods = ROUTES[path]
    if method not in methods:
        extra["Allow"] = ", ".join((*methods, "OPTIONS"))
        if method == "OPTIONS":
            return None
        raise InvalidInput(((), f"must be {' or '.join(methods)} on this path"), status=405)
    if method == "POST":
        return predict(_request(event, media))
    if path == "/health":
        return {"name": metadata["name"], "version": metadata["version"]}
    public = ("name", "version", "task", "input_schema", "labels", "threshold")
    return {key: metadata[key] for key in public if key in metadata}


def _method_and_path(event: dict) -> tuple[str, str]:
    """The method, and the path as ROUTES has it: without stage, base path of a custom domain, and
    BASE_PATH.
    """
    if event.get("version") == "2.0":
        method, path = event["requestContext"]["http"]["method"], event["rawPath"]
        route = str(event.get("routeKey")).partition(" ")[
            2
        ]  # of "POST /predict"; nothing of $default
        path = _without(
            f"/{event['requestContext'].get('stage')}", path
        )  # part of the path, unless it is $default
    else:
        method, path, route = event["httpMethod"], event["path"], str(event.get("resource"))
    path = "/" + _routed_path(route, event.get("pathParameters"), path).strip("/")
    base = os.environ.get("BASE_PATH", "").strip("/ ")
    return method.upper(), "/" + _without(f"/{base}", path).strip("/") if base else path


def _routed_path(route: str, parameters: object, path: str) -> str:
    """The path by the route of the API, which has no base path of a custom domain; or else the path
    of the request.

    Of a route such as /models/{proxy+}, it is what the last variable stands for.
    """
    if route.endswith("+}") and isinstance(parameters, dict):
        found = parameters.get(route[route.rfind("{") + 1 : -2])
        return found if isinstance(found, str) else path
    return path if "{" in route or not route.startswith("/") else route


def _without(prefix: str, path: str) -> str:
    return path[len(prefix) :] if path == prefix or path.startswith(f"{prefix}/") else path


def _request(event: dict, media: str) -> object:
    """What the body is: a JSON value, or {"image": <bytes>} for a body of the type image/…, where
    `media` allows it.
    """
    kind = _content_type(event)
    binary = bool(media) and kind.startswith(media)
    if kind != "application/json" and not binary:
        takes = f"application/json or {media}*" if media else "application/json"
        raise InvalidInput(((), f"must have the header Content-Type: {takes}"), status=415)
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise InvalidInput(((), "must have a body of text"))
    data: str | bytes = body
    if event.get("isBase64Encoded"):
        try:
            data = binascii.a2b_base64(body, strict_mode=True)
        except ValueError:
            raise InvalidInput(((), "says that its body is base64, and it is not")) from None
    elif binary and body:  # what is no text was lost on the way
        raise InvalidInput(
            ((), f"came as text: a REST API must list {media}* among its binary media types"),
            status=415,
        )
    if len(data) > MOST_BYTES:
        raise InvalidInput(((), f"has {len(data)} bytes, more than {MOST_BYTES}"), status=413)
    return {kind.split("/")[0]: data or b""} if binary else parsed(data)


def _content_type(event: dict) -> str:
    """The media type of the body. A header that is missing, null or an empty list stands for
    JSON.
    """
    found = None
    for headers in (event.get("headers"), event.get("multiValueHeaders")):
        for name, value in headers.items() if isinstance(headers, dict) else ():
            if name.lower() == "content-type":
                found = (value[-1] if value else None) if isinstance(value, list) else value
    return found.split(";")[0].strip().lower() if isinstance(found, str) else "application/json"


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _not_json(constant: str) -> None:
    raise ValueError(constant)


_decode = json.JSONDecoder(
    parse_constant=_not_json
).decode  # json.loads would make one for each text


def _formed(event: dict, status: int, extra: dict, text: str) -> dict:
    kind = "application/json" if status == 200 else "application/problem+json"
    headers = {"Content-Type": kind, **extra} if text else extra
    answer = {"statusCode": status, "body": text, "isBase64Encoded": False}
    if "elb" in event["requestContext"]:
        answer["statusDescription"] = f"{status} {TITLES.get(status, 'OK')}"
        if "multiValueHeaders" in event:  # a target group set to them ignores single ones
            return {
                **answer,
                "multiValueHeaders": {name: [value] for name, value in headers.items()},
            }
    return {**answer, "headers": headers}
