"""HTTP requests: API Gateway, function URL and load balancer.

HTTP APIs and function URLs send payload format 2.0, REST APIs 1.0, a load balancer its own:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import binascii
import json
import os

from shared.serving import TYPE_CHECKING, logs
from shared.serving.errors import TITLES, InvalidInput, problem, problem_of
from shared.serving.sources import json_text

if TYPE_CHECKING:
    from shared.serving.app import Service

ROUTES = {
    "/": ("GET", "HEAD", "POST"),
    "/predict": ("POST",),
    "/health": ("GET", "HEAD"),
    "/schema": ("GET", "HEAD"),
}
PUBLIC = ("name", "version", "task", "input_schema", "labels", "threshold", "unit")
MOST_BYTES = 6 * 1024 * 1024  # of a request: Lambda's own limit for synchronous invocations
MOST_ALB_BYTES = 1_000_000  # of a response: a load balancer takes 1 MB


def detect(event: dict) -> str:
    """Return http_api, function_url, rest_api or alb for an HTTP request."""
    context = event.get("requestContext")
    # An authorizer's request has all members of a request, and these.
    if not isinstance(context, dict) or "routeArn" in event or "methodArn" in event:
        return ""
    if event.get("version") == "2.0":
        http = context.get("http")
        method, path = http.get("method") if isinstance(http, dict) else None, event.get("rawPath")
        is_url = ".lambda-url." in str(context.get("domainName"))
        source = "function_url" if is_url else "http_api"
    else:
        method, path = event.get("httpMethod"), event.get("path")
        source = "alb" if "elb" in context else "rest_api"
    return source if isinstance(method, str) and isinstance(path, str) else ""


def respond(event: dict, context: object, service: Service) -> dict:
    """Return the response to one HTTP request, in the form that its sender takes. Never raises."""
    method, path = _method_and_path(event)
    try:
        response = _form(event, *_route(event, method, path, service))
        most = MOST_ALB_BYTES if "elb" in event["requestContext"] else json_text.MOST_RESPONSE_BYTES
        # Lambda writes the response as JSON, which at most doubles JSON in ASCII: a small response
        # need not be written to be measured.
        if 2 * len(response["body"]) + 1000 > most:
            json_text.require_size(len(json.dumps(response)), most)
    except InvalidInput as refusal:
        logs.record_failure(refusal)
        response = _form(event, refusal.status, {}, problem_of(refusal))
    except Exception as error:  # the caller learns where to look, and nothing of what is inside
        logs.record_failure(error)
        request_id = getattr(context, "aws_request_id", None)
        response = _form(event, 500, {}, problem(500, "the request failed", request_id=request_id))
    return {**response, "body": ""} if method == "HEAD" else response


def _route(event: dict, method: str, path: str, service: Service) -> tuple[int, dict, dict | None]:
    """Return status, headers and body of the response; None for an empty body."""
    if path not in ROUTES:
        reason = f"has no such path here: there are {', '.join(ROUTES)}"
        raise InvalidInput(((), reason), status=404)
    methods = ROUTES[path]
    if method not in methods:
        allow = {"Allow": ", ".join((*methods, "OPTIONS"))}
        if method == "OPTIONS":
            return 204, allow, None
        refusal = InvalidInput(((), f"must be {' or '.join(methods)} on this path"), status=405)
        logs.record_failure(refusal)
        return 405, allow, problem_of(refusal)
    if method == "POST":
        return 200, {}, service.predict(_request(event, service.media))
    metadata = service.metadata
    if path == "/health":
        return 200, {}, {"name": metadata["name"], "version": metadata["version"]}
    return 200, {}, {key: metadata[key] for key in PUBLIC if key in metadata}


def _method_and_path(event: dict) -> tuple[str, str]:
    """Return the method, and the path as in ROUTES: without the stage, the base path of a custom
    domain, and BASE_PATH.
    """
    if event.get("version") == "2.0":
        context = event["requestContext"]
        method = context["http"]["method"]
        # The stage is part of the path, unless it is $default.
        path = _without(f"/{context.get('stage')}", event["rawPath"])
        route = str(event.get("routeKey")).partition(" ")[2]  # of "POST /predict", not of $default
    else:
        method, path, route = event["httpMethod"], event["path"], str(event.get("resource"))
    path = "/" + _routed_path(route, event.get("pathParameters"), path).strip("/")
    base = os.environ.get("BASE_PATH", "").strip("/ ")
    return method.upper(), "/" + _without(f"/{base}", path).strip("/") if base else path


def _routed_path(route: str, parameters: object, path: str) -> str:
    """Return the path of the API's route, which has no base path of a custom domain, or else that
    of the request. For a route such as /models/{proxy+}, return the value of its last variable.
    """
    if route.endswith("+}") and isinstance(parameters, dict):
        found = parameters.get(route[route.rfind("{") + 1 : -2])
        return found if isinstance(found, str) else path
    return path if "{" in route or not route.startswith("/") else route


def _without(prefix: str, path: str) -> str:
    return path[len(prefix) :] if path == prefix or path.startswith(f"{prefix}/") else path


def _request(event: dict, media: str) -> object:
    """Return the body as a JSON value, or as {"image": <bytes>} if its media type starts with
    `media`, here "image/".
    """
    kind = _content_type(event)
    is_binary = bool(media) and kind.startswith(media)
    if kind != "application/json" and not is_binary:
        takes = f"application/json or {media}*" if media else "application/json"
        raise InvalidInput(((), f"must have the header Content-Type: {takes}"), status=415)
    body: object = event.get("body") or ""
    if not isinstance(body, str):
        raise InvalidInput(((), "must have a body of text"))
    data: str | bytes = body
    if event.get("isBase64Encoded"):
        try:
            data = binascii.a2b_base64(body, strict_mode=True)
        except ValueError:
            raise InvalidInput(((), "says that its body is base64, and it is not")) from None
    elif is_binary and body:  # what was no text is lost
        reason = f"came as text: a REST API must list {media}* among its binary media types"
        raise InvalidInput(((), reason), status=415)
    if len(data) > MOST_BYTES:
        raise InvalidInput(((), f"has {len(data)} bytes, more than {MOST_BYTES}"), status=413)
    return {kind.split("/")[0]: data or b""} if is_binary else json_text.parse(data)


def _content_type(event: dict) -> str:
    """Return the media type of the body: JSON if the header is missing, null or an empty list."""
    found = None
    for headers in (event.get("headers"), event.get("multiValueHeaders")):
        for name, value in headers.items() if isinstance(headers, dict) else ():
            if name.lower() == "content-type":
                found = (value[-1] if value else None) if isinstance(value, list) else value
    return found.split(";")[0].strip().lower() if isinstance(found, str) else "application/json"


def _form(event: dict, status: int, headers: dict, body: dict | None) -> dict:
    """Return a response in the form that the event's sender takes."""
    text = "" if body is None else json.dumps(body, allow_nan=False)
    if text:
        kind = "application/json" if status == 200 else "application/problem+json"
        headers = {"Content-Type": kind, **headers}
    response = {"statusCode": status, "body": text, "isBase64Encoded": False}
    if "elb" in event["requestContext"]:
        response["statusDescription"] = f"{status} {TITLES.get(status, 'OK')}"
        if "multiValueHeaders" in event:  # a target group set to them ignores single ones
            return {**response, "multiValueHeaders": {name: [headers[name]] for name in headers}}
    return {**response, "headers": headers}
