"""HTTP events of each of Lambda's HTTP sources, after the samples in AWS's documentation."""

import base64
import json


def http_api(
    method,
    path,
    body=None,
    headers=None,
    domain="abc123.execute-api.us-east-1.amazonaws.com",
    stage="$default",
):
    """An event of an HTTP API, payload format 2.0."""
    prefix = "" if stage == "$default" else f"/{stage}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": prefix + path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": domain,
            "http": {
                "method": method,
                "path": prefix + path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": stage,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def http_api_stage(method, path, body=None, headers=None):
    """An event of an HTTP API with a named stage."""
    return http_api(method, path, body, headers, stage="prod")


def function_url(method, path, body=None, headers=None):
    """An event of a function URL."""
    return http_api(method, path, body, headers, domain="abc123.lambda-url.us-east-1.on.aws")


def rest_api(method, path, body=None, headers=None):
    """An event of a REST API."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()}
        if headers
        else None,
        "queryStringParameters": None,
        "requestContext": {
            "accountId": "123456789012",
            "stage": "prod",
            "requestId": "id",
            "httpMethod": method,
            "path": f"/prod{path}",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def alb(method, path, body=None, headers=None):
    """An event of an Application Load Balancer."""
    return {
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/1"
            }
        },
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "body": body or "",
        "isBase64Encoded": False,
    }


def alb_multi_value(method, path, body=None, headers=None):
    """An event of an Application Load Balancer with multi-value headers."""
    event = alb(method, path, body)
    del event["headers"]
    return event | {
        "multiValueHeaders": {name.lower(): [value] for name, value in (headers or {}).items()}
    }


FORMS = [http_api, http_api_stage, function_url, rest_api, alb, alb_multi_value]


def encoded(event):
    """The same event with its body in base64, as API Gateway sends what it takes for binary."""
    body = event["body"]
    body = body if isinstance(body, bytes) else body.encode()
    return event | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def opened(answer):
    """Status, headers and JSON body of an HTTP answer, after a look at its form."""
    assert (
        isinstance(answer["statusCode"], int)
        and isinstance(answer["body"], str)
        and answer["isBase64Encoded"] is False
    )
    headers = answer.get("headers") or {
        name: value for name, [value] in answer["multiValueHeaders"].items()
    }
    return answer["statusCode"], headers, json.loads(answer["body"])
