"""Events of AWS services in their real form, from sources that the function does not support."""

from typing import Any

from tests.unit.foreign_requests import BODY, NOTE, REQUESTS

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"


# name in the log, name in the refusal, event
FOREIGN: list[tuple[str, str, Any]] = [
    *REQUESTS,
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
