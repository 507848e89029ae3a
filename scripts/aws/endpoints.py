"""Print the endpoints of a deployed project: its URLs, queues, bucket and state machine."""

from __future__ import annotations

import argparse
import sys
from urllib.parse import urlsplit

from scripts.aws.account import Account, connected
from scripts.aws.stack import Stack
from scripts.project import Project
from shared.errors import UserError

SHOWN = {  # output of the stack: what it is
    "FunctionArn": "function",
    "FunctionUrl": "function URL",
    "BucketName": "bucket",
    "QueueUrl": "queue",
    "DeadLettersUrl": "dead letters",
    "OnFailureQueueUrl": "failures",
    "StateMachineArn": "bulk scoring",
}


def api_url(account: Account, outputs: dict[str, str]) -> str:
    """Return the HTTP API's address without a slash at the end; "" if the project has none."""
    if "ApiId" not in outputs:
        return ""
    if account.local:
        # The API is named in the path: no name server knows a host name for each API. %24 is $,
        # which a shell would expand.
        return f"{account.endpoint_url}/_aws/execute-api/{outputs['ApiId']}/%24default"
    return outputs["ApiUrl"]


def function_url(account: Account, outputs: dict[str, str]) -> str:
    """Return the function URL without a slash at the end; "" if the project has none."""
    url = outputs.get("FunctionUrl", "").rstrip("/")
    if url and account.local:
        return f"{account.endpoint_url}/_aws/lambda-url/{urlsplit(url).netloc.split('.')[0]}"
    return url


def show(account: Account, project: Project, outputs: dict[str, str]) -> None:
    """Print all endpoints."""
    if url := api_url(account, outputs):
        print(f"\n{'address':<13} {url}")
        # `curl --json` would be shorter, but curl knows it only since 7.82.
        body = f"-H 'Content-Type: application/json' --data @{project.name}/event.json"
        print(f"{'':<13} curl {body} $(make -s url MODEL={project.name})/predict")
    shown = {**outputs, "FunctionUrl": function_url(account, outputs)}
    for output, what in SHOWN.items():
        if shown.get(output):
            print(f"{what:<13} {shown[output]}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the URL of a deployed project.")
    parser.add_argument("model", help="the project folder")
    project = Project(parser.parse_args().model)
    with connected(quiet=True) as account:
        print(account, file=sys.stderr)  # standard output is for $(make -s url)
        outputs = Stack(account, project.name).outputs()
        url = api_url(account, outputs) or function_url(account, outputs)
        if not url:
            raise UserError(
                f"{project.name} has no address: set api or function_url in its function.toml"
            )
        print(url)


if __name__ == "__main__":
    main()
