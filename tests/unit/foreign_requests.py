"""Events of unsupported services that send requests, such as WebSocket APIs."""

import json
from typing import Any

NOTE = "jane doe, 5 private road"  # the caller's, and must not be logged
BODY = json.dumps({"customer": {"plan": "gold", "months": 3, "note": NOTE}})

# name in the log, name in the refusal, event
REQUESTS: list[tuple[str, str, Any]] = [
    (
        "websocket",
        "WebSocket",
        {
            "requestContext": {
                "routeKey": "predict",
                "eventType": "MESSAGE",
                "connectionId": "BFaT_fALIAMCKug=",
                "stage": "prod",
                "requestId": "BFaVtH2HoAMFZEQ=",
                "apiId": "abc123",
            },
            "body": BODY,
            "isBase64Encoded": False,
        },
    ),
    (
        "vpc_lattice",
        "VPC Lattice",
        {
            "version": "2.0",
            "path": "/predict",
            "method": "POST",
            "headers": {
                "content-type": ["application/json"],
                "host": ["orders.vpc-lattice-svcs.us-east-2.on.aws"],
            },
            "queryStringParameters": {},
            "body": BODY,
            "isBase64Encoded": False,
            "requestContext": {
                "serviceNetworkArn": "arn:aws:vpc-lattice:us-east-2:123456789012:servicenetwork/sn-0bf3f2882e9cc805a",
                "serviceArn": "arn:aws:vpc-lattice:us-east-2:123456789012:service/svc-0a40eebed65f8d69c",
                "identity": {
                    "sourceVpcArn": "arn:aws:ec2:us-east-2:123456789012:vpc/vpc-0b8276c84697e7339"
                },
                "region": "us-east-2",
            },
        },
    ),
    (
        "vpc_lattice",
        "VPC Lattice",
        {
            "raw_path": "/predict",
            "method": "POST",
            "headers": {"host": "a"},
            "query_string_parameters": {},
            "body": BODY,
        },
    ),
    (
        "lambda_destination",
        "Lambda destination",
        {
            "version": "1.0",
            "timestamp": "2026-11-14T18:16:05.568Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:orders:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {"note": NOTE},
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {"errorMessage": NOTE},
        },
    ),
    (
        "authorizer",
        "authorizer",
        {
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/health",
            "identitySource": ["user1"],
            "routeKey": "GET /health",
            "rawPath": "/health",
            "headers": {"authorization": NOTE},
            "requestContext": {
                "http": {"method": "GET", "path": "/health"},
                "stage": "$default",
                "apiId": "abc123",
            },
        },
    ),
    (
        "authorizer",
        "authorizer",
        {
            "type": "TOKEN",
            "methodArn": "arn:aws:execute-api:us-east-1:123456789012:a/t/GET/",
            "authorizationToken": NOTE,
        },
    ),
    (
        "appsync",
        "AppSync",
        {
            "arguments": {"note": NOTE},
            "identity": None,
            "source": None,
            "request": {"headers": {}},
            "prev": None,
            "info": {
                "selectionSetList": ["id"],
                "parentTypeName": "Query",
                "fieldName": "churn",
                "variables": {},
            },
            "stash": {},
        },
    ),
    (
        "appsync",
        "AppSync",
        {
            "authorizationToken": NOTE,
            "requestContext": {"apiId": "abc123", "queryString": "query {}"},
        },
    ),
]
