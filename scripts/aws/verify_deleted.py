"""Search the account for everything that these commands may have created for a project.

`make destroy` ends with it, and shows that all is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import botocore.exceptions as errors

from scripts.aws.account import MISSING, Account, code_of
from shared.errors import UserError


class Listing(NamedTuple):
    """A list operation of boto3.

    items: the key of the list in a response. field: the key of the name in an item, "" if the item
    is the name. prefix: the argument that selects names by their beginning, "" if there is none.
    """

    service: str
    operation: str
    items: str
    field: str
    prefix: str = ""


LOG_GROUPS = Listing(
    "logs", "describe_log_groups", "logGroups", "logGroupName", "logGroupNamePrefix"
)
REPOSITORIES = Listing("ecr", "describe_repositories", "repositories", "repositoryName")
APIS = Listing("apigatewayv2", "get_apis", "Items", "Name")
MACHINES = Listing("stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn")
MAPPINGS = Listing("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn")
GENERATED = {  # resources whose names CloudFormation generates
    "queues": Listing("sqs", "list_queues", "QueueUrls", "", "QueueNamePrefix"),
    "rules": Listing("events", "list_rules", "Rules", "Name", "NamePrefix"),
    "alarms": Listing(
        "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName", "AlarmNamePrefix"
    ),
    "mail topic": Listing("sns", "list_topics", "Topics", "TopicArn"),
    "roles": Listing("iam", "list_roles", "Roles", "RoleName"),
}


def report(account: Account, name: str, buckets: list[str], models: list[str]) -> None:
    """Print for each kind of resource that it is deleted, or the names of those that are left.

    buckets, models: the project's that are still there. Raises UserError that names what is left.
    """
    left = []
    for what, found in [*searched(account, name, buckets), ("models", models)]:
        names = sorted(set(found))
        left += [f"{what} {name}" for name in names]
        print(f"  {what:<16} {', '.join(names) if names else 'deleted'}", flush=True)
    if left:
        raise UserError(f"still there: {', '.join(left)}; run `make destroy` again")
    print(f"nothing of {name} is left that could cost money")


def searched(account: Account, name: str, buckets: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each kind of resource with the names of those that are left."""
    machine = f"arn:{account.partition}:states:{account.region}:{account.id}:stateMachine:{name}"
    yield "log group", _exactly(account, LOG_GROUPS, f"/aws/lambda/{name}")
    yield "stack", _described(account, "cloudformation", "describe_stacks", StackName=name)
    yield "function", _described(account, "lambda", "get_function", FunctionName=name)
    yield "images", _described(account, "ecr", "describe_images", repositoryName=name)
    yield "repository", _exactly(account, REPOSITORIES, name)
    yield "bucket", buckets
    yield "API log group", _exactly(account, LOG_GROUPS, f"/aws/apigateway/{name}")
    yield "HTTP API", _exactly(account, APIS, name)
    yield "state machine", _exactly(account, MACHINES, machine)
    functions = _listed(account, MAPPINGS)
    yield "queue's source", [arn for arn in functions if f":function:{name}:" in arn]
    generated = re.compile(re.escape(name) + r"-[A-Z]\w*-\w+")  # name-LogicalId-random
    for what, listing in GENERATED.items():
        names = _listed(account, listing, f"{name}-")
        # The last part of a queue's URL or a topic's ARN.
        yield what, [found for found in names if generated.fullmatch(re.split("[/:]", found)[-1])]


def _listed(account: Account, listing: Listing, start: str = "") -> list[str]:
    """Return the names in a listing, from all pages, that start with a text if it can select."""
    pages = account.client(listing.service).get_paginator(listing.operation)
    selection = {listing.prefix: start} if listing.prefix else {}
    items = [item for page in pages.paginate(**selection) for item in page.get(listing.items, [])]
    return [item[listing.field] if listing.field else item for item in items]


def _exactly(account: Account, listing: Listing, name: str) -> list[str]:
    """Return the name if the listing has it."""
    return [found for found in _listed(account, listing, name) if found == name]


def _described(account: Account, service: str, operation: str, **names: str) -> list[str]:
    """Return the name that an operation takes, if there is a resource of that name."""
    try:
        getattr(account.client(service), operation)(**names)
    except errors.ClientError as error:
        if code_of(error) in {*MISSING, "ValidationError"}:  # the last is CloudFormation's
            return []
        raise
    return list(names.values())
