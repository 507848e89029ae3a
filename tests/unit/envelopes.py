"""Events of AWS services in their real form, from sources that the function does not support."""

import json
from typing import Any

NOTE = "jane doe, 5 private road"  # the caller's, and must not be logged
BODY = json.dumps({"customer": {"plan": "gold", "months": 3, "note": NOTE}})
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"

# name in the log, name in the refusal, event
FOREIGN: list[tuple[str, str, Any]] = [
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
    (
        "sns",
        "SNS",
        {
            "Records": [
                {
                    "EventSource": "aws:sns",
                    "EventVersion": "1.0",
                    "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:orders:1",
                    "Sns": {
                        "Type": "Notification",
                        "MessageId": "95df01b4",
                        "Message": BODY,
                        "Subject": None,
                    },
                }
            ]
        },
    ),
    (
        "kinesis",
        "Kinesis",
        {
            "Records": [
                {
                    "kinesis": {
                        "partitionKey": "1",
                        "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                        "sequenceNumber": "4959",
                    },
                    "eventSource": "aws:kinesis",
                    "eventName": "aws:kinesis:record",
                    "eventSourceARN": STREAM,
                }
            ]
        },
    ),
    (
        "dynamodb",
        "DynamoDB",
        {
            "Records": [
                {
                    "eventID": "1",
                    "eventName": "INSERT",
                    "eventSource": "aws:dynamodb",
                    "dynamodb": {
                        "Keys": {"Id": {"N": "101"}},
                        "NewImage": {"note": {"S": NOTE}},
                        "SequenceNumber": "111",
                    },
                }
            ]
        },
    ),
    (
        "ses",
        "SES",
        {
            "Records": [
                {"eventSource": "aws:ses", "eventVersion": "1.0", "ses": {"mail": {"source": NOTE}}}
            ]
        },
    ),
    (
        "cloudfront",
        "CloudFront",
        {"Records": [{"cf": {"config": {"distributionId": "E1"}, "request": {"uri": "/predict"}}}]},
    ),
    ("unknown", "not known", {"Records": [{"eventSource": "acme:parcels", "note": NOTE}]}),
    ("unknown", "not known", {"requestContext": {"note": NOTE}, "body": BODY}),
    (
        "kafka",
        "Kafka",
        {
            "eventSource": "aws:kafka",
            "eventSourceArn": "arn",
            "records": {"orders-0": [{"value": "e30="}]},
        },
    ),
    (
        "mq",
        "MQ",
        {"eventSource": "aws:mq", "eventSourceArn": "arn", "messages": [{"data": "e30="}]},
    ),
    (
        "mq",
        "MQ",
        {
            "eventSource": "aws:rmq",
            "eventSourceArn": "arn",
            "rmqMessagesByQueue": {"orders::/": []},
        },
    ),
    (
        "documentdb",
        "DocumentDB",
        {"eventSource": "aws:docdb", "eventSourceArn": "arn", "events": [{"event": {}}]},
    ),
    (
        "cloudwatch_logs",
        "CloudWatch Logs",
        {"awslogs": {"data": "H4sIAAAAAAAAAHWPwQqC"}},
    ),
    (
        "cloudwatch_alarm",
        "CloudWatch alarm",
        {"source": "aws.cloudwatch", "alarmArn": "arn", "alarmData": {"alarmName": NOTE}},
    ),
    (
        "firehose",
        "Firehose",
        {
            "invocationId": "1",
            "deliveryStreamArn": "arn",
            "records": [{"recordId": "1", "data": "e30="}],
        },
    ),
    (
        "cognito",
        "Cognito",
        {"triggerSource": "PreSignUp_SignUp", "userPoolId": "p", "userName": NOTE, "request": {}},
    ),
    (
        "cloudformation",
        "CloudFormation",
        {"RequestType": "Create", "ResponseURL": "https://a.example/", "StackId": "s"},
    ),
    (
        "s3_batch",
        "S3 Batch",
        {"invocationSchemaVersion": "1.0", "invocationId": "1", "job": {"id": "1"}, "tasks": []},
    ),
    ("pipes", "Pipes", [{"eventSource": "aws:sqs", "messageId": "1", "body": BODY}]),
]


def notification(name, key="input/a.jsonl"):
    """Return a record of an S3 notification."""
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "bucket"}, "object": {"key": key, "size": 1}},
    }


def through_the_bus(kind, key="input/a.jsonl"):
    """Return an S3 event as EventBridge delivers it."""
    detail = {"bucket": {"name": "bucket"}, "object": {"key": key}, "reason": "DeleteObject"}
    return {"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail}


NOT_CREATIONS = [
    *(
        {"Records": [notification(name)]}
        for name in (
            "ObjectRemoved:Delete",
            "ObjectRemoved:DeleteMarkerCreated",
            "s3:ObjectTagging:Put",
            "ObjectRestore:Post",
        )
    ),
    *(
        through_the_bus(kind)
        for kind in ("Object Deleted", "Object Tags Added", "AWS API Call via CloudTrail")
    ),
    {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-24T15:00:00.000Z",
        "Bucket": "bucket",
    },
]
