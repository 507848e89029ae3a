"""Search the account for everything that these commands may have created for a project.

`make destroy` ends with it, and shows that all is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import botocore.exceptions as errors

from scripts.aws.account import MISSING, Account, code_of
from shared.errors import UserError


def report(account: Account, name: str, buckets: list[str]) -> None:
    """Print what was looked for and is gone. Raises UserError that names what is
    still there.
    """
    left = []
    for what, found in searches(account, name, buckets):
        names = sorted(set(found()))
        left += [f"{what} {name}" for name in names]
        print(f"  {what:<16} {', '.join(names) if names else 'gone'}", flush=True)
    if left:
        raise UserError(f"still there: {', '.join(left)}; run `make destroy` again")
    print(f"nothing of {name} is left that could cost money")


def searches(
    account: Account, name: str, buckets: list[str]
) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Yield what is looked for, and a function that gives the names of what is found. buckets: the
    project's that are still there.
    """
    of_stack = re.compile(
        re.escape(name) + r"-[A-Z]\w*-\w+"
    )  # how CloudFormation names what has no name of its own

    def pages(
        service: str, operation: str, key: str, field: str | None, **arguments: object
    ) -> list[str]:
        paginator = account.client(service).get_paginator(operation)
        found = [item for page in paginator.paginate(**arguments) for item in page.get(key, [])]
        return [item[field] if field else item for item in found]

    def ours(names: list[str]) -> list[str]:
        return [found for found in names if of_stack.fullmatch(found.rsplit("/", 1)[-1])]

    def one(service: str, operation: str, **arguments: str) -> list[str]:
        try:
            getattr(account.client(service), operation)(**arguments)
        except errors.ClientError as error:
            if code_of(error) in {*MISSING, "ValidationError"}:  # the last is CloudFormation's
                return []
            raise
        return list(arguments.values())

    def exactly(wanted: str, names: list[str]) -> list[str]:
        return [found for found in names if found == wanted]

    machine = f"arn:{account.partition}:states:{account.region}:{account.id}:stateMachine:{name}"
    group = f"/aws/lambda/{name}"
    groups = partial(
        pages, "logs", "describe_log_groups", "logGroups", "logGroupName", logGroupNamePrefix=group
    )
    yield "log group", lambda: exactly(group, groups())
    yield "stack", lambda: one("cloudformation", "describe_stacks", StackName=name)
    yield "function", lambda: one("lambda", "get_function", FunctionName=name)
    yield "images", lambda: one("ecr", "describe_images", repositoryName=name)
    yield (
        "repository",
        lambda: exactly(
            name, pages("ecr", "describe_repositories", "repositories", "repositoryName")
        ),
    )
    yield "bucket", lambda: buckets
    api_group = f"/aws/apigateway/{name}"
    api_groups = partial(
        pages,
        "logs",
        "describe_log_groups",
        "logGroups",
        "logGroupName",
        logGroupNamePrefix=api_group,
    )
    yield "API log group", lambda: exactly(api_group, api_groups())
    yield "HTTP API", lambda: exactly(name, pages("apigatewayv2", "get_apis", "Items", "Name"))
    machines = partial(
        pages, "stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn"
    )
    yield "state machine", lambda: exactly(machine, machines())
    yield (
        "queues",
        lambda: ours(pages("sqs", "list_queues", "QueueUrls", None, QueueNamePrefix=f"{name}-")),
    )
    sources = partial(
        pages, "lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"
    )
    yield "queue's source", lambda: [arn for arn in sources() if f":function:{name}:" in arn]
    yield (
        "rules",
        lambda: ours(pages("events", "list_rules", "Rules", "Name", NamePrefix=f"{name}-")),
    )
    yield (
        "alarms",
        lambda: ours(
            pages(
                "cloudwatch",
                "describe_alarms",
                "MetricAlarms",
                "AlarmName",
                AlarmNamePrefix=f"{name}-",
            )
        ),
    )
    yield (
        "mail topic",
        lambda: ours(
            [arn.rsplit(":", 1)[-1] for arn in pages("sns", "list_topics", "Topics", "TopicArn")]
        ),
    )
    yield "roles", lambda: ours(pages("iam", "list_roles", "Roles", "RoleName"))
