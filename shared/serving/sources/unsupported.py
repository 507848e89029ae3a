"""Event sources that are not supported, so that a refusal and the log can name them."""

from __future__ import annotations

from collections.abc import Iterator

from shared.serving import logs
from shared.serving.errors import InvalidInput

# By `eventSource` or `EventSource`, in each of the event's Records.
RECORDS = {
    "aws:sns": ("sns", "Amazon SNS"),
    "aws:kinesis": ("kinesis", "Kinesis Data Streams"),
    "aws:dynamodb": ("dynamodb", "DynamoDB Streams"),
    "aws:ses": ("ses", "Amazon SES"),
    "aws:codecommit": ("codecommit", "CodeCommit"),
}
# By keys of the event and of its requestContext: the first that fits.
ENVELOPES = (
    ({"requestContext", "connectionId"}, "websocket", "an API Gateway WebSocket API"),
    ({"type", "methodArn"}, "authorizer", "an API Gateway authorizer"),
    ({"type", "routeArn"}, "authorizer", "an API Gateway authorizer"),
    ({"requestContext", "serviceNetworkArn"}, "vpc_lattice", "VPC Lattice"),
    ({"raw_path", "method"}, "vpc_lattice", "VPC Lattice"),
    ({"requestContext", "requestPayload"}, "lambda_destination", "a Lambda destination"),
    ({"requestContext", "authorizationToken"}, "appsync", "AWS AppSync"),
    ({"info", "arguments"}, "appsync", "AWS AppSync"),
    ({"info", "events", "prev"}, "appsync", "AWS AppSync"),
    ({"eventSource", "records"}, "kafka", "Apache Kafka"),
    ({"eventSource", "messages"}, "mq", "Amazon MQ"),
    ({"eventSource", "rmqMessagesByQueue"}, "mq", "Amazon MQ"),
    ({"eventSourceArn", "events"}, "documentdb", "Amazon DocumentDB"),
    ({"awslogs"}, "cloudwatch_logs", "CloudWatch Logs"),
    ({"alarmArn", "alarmData"}, "cloudwatch_alarm", "a CloudWatch alarm"),
    ({"deliveryStreamArn", "records"}, "firehose", "Data Firehose"),
    ({"triggerSource", "userPoolId"}, "cognito", "Amazon Cognito"),
    ({"RequestType", "ResponseURL"}, "cloudformation", "CloudFormation"),
    ({"invocationSchemaVersion", "tasks"}, "s3_batch", "S3 Batch Operations"),
    ({"getObjectContext", "userRequest"}, "s3_object_lambda", "S3 Object Lambda"),
    ({"CodePipeline.job"}, "codepipeline", "CodePipeline"),
    ({"SecretId", "ClientRequestToken"}, "secrets_manager", "Secrets Manager"),
    ({"messageVersion", "sessionId"}, "bedrock_agent", "an Amazon Bedrock agent"),
)


def refusal_of(event: object) -> InvalidInput | None:
    """Return the refusal of an event of a source that is listed here, and name it in the log.

    Returns None for any other event.
    """
    if not (source := _source_of(event)):
        return None
    name, title = source
    logs.set_source(name)
    return refusal(title)


def refusal(title: str) -> InvalidInput:
    """Return the refusal of an event from a source with this title."""
    advice = "send the request alone, or through SQS"
    return InvalidInput(((), f"comes from {title}, whose events are not taken: {advice}"))


def _source_of(event: object) -> tuple[str, str] | None:
    """Return the source's name for the log, and its title for a message."""
    if isinstance(event, list):  # EventBridge Pipes send the records alone
        is_pipe = event and isinstance(event[0], dict) and "eventSource" in event[0]
        return ("pipes", "EventBridge Pipes") if is_pipe else None
    if not isinstance(event, dict):
        return None
    if isinstance(event.get("Records"), list):
        return next(_of_records(event["Records"]), None)
    context = event.get("requestContext")
    keys = event.keys() | context.keys() if isinstance(context, dict) else event.keys()
    return next(((name, title) for signature, name, title in ENVELOPES if signature <= keys), None)


def _of_records(records: list) -> Iterator[tuple[str, str]]:
    for record in records:
        if isinstance(record, dict):
            sender = record.get("eventSource") or record.get("EventSource")
            known = RECORDS.get(sender) if isinstance(sender, str) else None
            if known:
                yield known
            elif "cf" in record:
                yield "cloudfront", "CloudFront"
