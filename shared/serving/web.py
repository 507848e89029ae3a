"""HTTP requests in the four forms that Lambda is given them, and their answers.

HTTP API and function URL send format 2.0, REST API 1.0, the load balancer its own:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable

from shared.serving import logs
from shared.serving.errors import InvalidInput

TRIGGERS = ("http_api", "function_url", "rest_api", "alb")
ROUTES = {"/": ("GET", "POST"), "/predict": ("POST",), "/health": ("GET",), "/schema": ("GET",)}
MOST_BYTES = 6 * 1024 * 1024  # of a request or an answer: Lambda's own limit for synchronous calls
TITLES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
}


def trigger_of(request_context: dict, event: dict) -> str:
    """Which of TRIGGERS sent the event."""
    if "elb" in request_context:
        return "alb"
    if event.get("version") != "2.0":
        return "rest_api"
    return "function_url" if ".lambda-url." in str(request_context.get("domainName")) else "http_api"


def respond(event: dict, context: object, predict: Callable, metadata: dict, media: str = "") -> dict:
    """The answer to one HTTP request, in the form that its sender takes. Never raises.

    media: how the media type of a body begins that predict takes beside JSON; a body of the type image/png, say, reaches it
        as {"image": <bytes>}.
    """
    extra: dict = {}
    try:
        status, body = 200, _routed(event, predict, metadata, extra, media)
        text = json.dumps(body, allow_nan=False)
        if len(text) > MOST_BYTES:
            raise InvalidInput(((), "has an answer larger than 6 MB: send fewer rows"), status=413)
    except InvalidInput as refusal:
        logs.failed(refusal)
        status, text = refusal.status, json.dumps(problem(refusal.status, str(refusal), errors=refusal.pointers()))
    except Exception as error:  # the caller learns where to look, and nothing of what is inside
        logs.failed(error)
        request_id = getattr(context, "aws_request_id", None)
        status, text = 500, json.dumps(problem(500, "the request failed", request_id=request_id))
    kind = "application/json" if status == 200 else "application/problem+json"
    return _formed(event, status, {"Content-Type": kind, **extra}, text)


def problem(status: int, detail: str, **more: object) -> dict:
    """A problem as RFC 9457 describes it."""
    return {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail, **more}


def parsed(text: str | bytes) -> object:
    """JSON text as a value. Raises InvalidInput for text that is not JSON, NaN and Infinity among it."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_not_json)
    # json.loads raises RecursionError for deep nesting, and a plain ValueError for very long numbers.
    except (ValueError, RecursionError, TypeError) as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInput(((), f"is not valid JSON{where}")) from None


def _routed(event: dict, predict: Callable, metadata: dict, extra: dict, media: str) -> dict:
    """The body of a 200; extra takes headers that a refusal needs."""
    method, path = _method_and_path(event)
    if path not in ROUTES:
        raise InvalidInput(((), f"has no such path here: there are {', '.join(ROUTES)}"), status=404)
    if method not in ROUTES[path]:
        extra["Allow"] = ", ".join(ROUTES[path])
        raise InvalidInput(((), f"must be {' or '.join(ROUTES[path])} on this path"), status=405)
    if method == "POST":
        return predict(_request(event, media))
    if path == "/health":
        return {"name": metadata["name"], "version": metadata["version"]}
    public = ("name", "version", "task", "input_schema", "labels", "threshold")
    return {key: metadata[key] for key in public if key in metadata}


def _method_and_path(event: dict) -> tuple[str, str]:
    request = event["requestContext"]
    if event.get("version") == "2.0":
        method, path = request["http"]["method"], event["rawPath"]
        stage = f"/{request.get('stage')}"  # part of the path, unless it is $default
        path = path[len(stage) :] if path == stage or path.startswith(f"{stage}/") else path
    else:
        method, path = event["httpMethod"], event["path"]
    return method.upper(), "/" + path.strip("/")


def _request(event: dict, media: str) -> object:
    """What the body is: a JSON value, or {"image": <bytes>} for a body of the type image/…, where `media` allows it."""
    headers = {key.lower(): value for key, value in (event.get("headers") or {}).items()}
    headers |= {key.lower(): values[-1] for key, values in (event.get("multiValueHeaders") or {}).items()}
    kind = headers.get("content-type", "application/json").split(";")[0].strip().lower()
    binary = bool(media) and kind.startswith(media)
    if kind != "application/json" and not binary:
        takes = f"application/json or {media}*" if media else "application/json"
        raise InvalidInput(((), f"must have the header Content-Type: {takes}"), status=415)
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            body = binascii.a2b_base64(body, strict_mode=True)
        except ValueError:
            raise InvalidInput(((), "says that its body is base64, and it is not")) from None
    elif binary and body:  # what is no text was lost on the way
        raise InvalidInput(((), f"came as text: a REST API must list {media}* among its binary media types"), status=415)
    if len(body) > MOST_BYTES:
        raise InvalidInput(((), f"has {len(body)} bytes, more than {MOST_BYTES}"), status=413)
    return {kind.split("/")[0]: body or b""} if binary else parsed(body)


def _not_json(constant: str) -> None:
    raise ValueError(constant)


def _formed(event: dict, status: int, headers: dict, text: str) -> dict:
    answer = {"statusCode": status, "body": text, "isBase64Encoded": False}
    if "elb" in event["requestContext"]:
        answer["statusDescription"] = f"{status} {TITLES.get(status, 'OK')}"
        if "multiValueHeaders" in event:  # a target group set to them ignores single ones
            return {**answer, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    return {**answer, "headers": headers}
