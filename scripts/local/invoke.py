"""Invoke a function with boto3, on this machine or on AWS, and print its answer."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config

from scripts.aws.account import connected, explained
from scripts.local.failures import explained_failure
from scripts.local.ports import port_number
from scripts.project import Project
from shared.errors import UserError

MOST_BYTES = 6 * 1024 * 1024  # of a synchronous request; the emulator would cut it silently


class FunctionFailed(Exception):
    """The function, or Lambda on its behalf, answered with an error."""


class Function:
    """A function that can be invoked.

    name: as Lambda knows it; the emulator knows all functions as "function".
    endpoint_url: the emulator's; None for AWS.
    timeout: seconds to wait for an answer.
    client: boto3's for Lambda in the account where the function is; without one, for the emulator.
    """

    def __init__(
        self,
        name: str = "function",
        endpoint_url: str | None = None,
        timeout: float = 60,
        client: Any = None,
    ):
        config = Config(retries={"total_max_attempts": 1}, read_timeout=timeout, connect_timeout=5)
        # The emulator checks no signature, but boto3 does not work without credentials.
        local = {
            "region_name": "us-east-1",
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
        }
        self._name, self._endpoint_url = name, endpoint_url
        self._client = client or boto3.client(
            "lambda", config=config, endpoint_url=endpoint_url, **(local if endpoint_url else {})
        )
        self._failure = b""  # the body of an answer that boto3 takes for an error, and hides
        self._client.meta.events.register("before-parse.lambda.Invoke", self._keep_failure)

    def __call__(self, event: object) -> object:
        """Return the function's answer to an event. Raises FunctionFailed with one line that says
        why there is none.
        """
        payload = json.dumps(event).encode()
        if len(payload) > MOST_BYTES:
            raise FunctionFailed(f"the event has {len(payload):,} bytes, more than Lambda's 6 MB")
        try:
            with _turn(self._endpoint_url):
                response = self._client.invoke(FunctionName=self._name, Payload=payload)
                body = response["Payload"].read()
        except botocore.exceptions.EndpointConnectionError as error:
            if not self._endpoint_url:
                raise FunctionFailed(explained(error)) from None
            raise FunctionFailed(
                f"nothing answers at {self._endpoint_url}: start it with `make run`"
            ) from None
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 502 and self._endpoint_url:
                raise FunctionFailed(not_started(self._failure)) from None
            raise FunctionFailed(explained(error)) from None
        except botocore.exceptions.BotoCoreError as error:
            raise FunctionFailed(explained(error)) from None
        return answer_of(body, response.get("FunctionError"))

    def _keep_failure(self, response_dict: dict, **others: object) -> None:
        self._failure = response_dict["body"] if response_dict["status_code"] == 502 else b""


def not_started(body: bytes) -> str:
    """Return one line about the emulator's answer with status 502, from its body."""
    try:
        error = json.loads(body)
        message = f"{error['errorType']}: {error['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return "the function does not start or gave no valid response: see the lines of `make run`"
    unknown = f"the function does not start or gave no valid response ({message})"
    return explained_failure(message) or f"{unknown}: see the lines of `make run`"


def answer_of(body: bytes, function_error: str | None) -> object:
    """Return the answer in a body. Raises FunctionFailed if the function failed.

    The emulator answers with status 200 and without the function-error header, whatever happened:
    only the body tells.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        raise FunctionFailed(
            body.decode(errors="replace").strip() or "the response is empty"
        ) from None
    has_error = isinstance(answer, dict) and {"errorType", "errorMessage"} <= answer.keys()
    if function_error or has_error:
        message = f"{answer.get('errorType', function_error)}: {answer.get('errorMessage', '')}"
        raise FunctionFailed(explained_failure(message) or message)
    return answer


def refusal_in(answer: object) -> str | None:
    """Return why an answer is a refusal: a handler may answer every event as it answers HTTP."""
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    if isinstance(answer, dict) and isinstance(status, int) and status >= 400:
        return f"it responds with status {status}: {str(answer.get('body', ''))[:200]}"
    return None


@contextmanager
def _turn(endpoint_url: str | None) -> Iterator[None]:
    """Wait for other callers on this machine: two requests at once crash the emulator.

    https://github.com/aws/aws-lambda-runtime-interface-emulator/issues/97
    """
    if endpoint_url is None:
        yield
        return
    name = f"lambda-emulator-{urlsplit(endpoint_url).port}-{os.getuid()}.lock"
    with Path(tempfile.gettempdir(), name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed
        yield


def invoke_deployed(project: Project, event: object) -> object:
    """Return the answer of a project's deployed function, through its alias `live`. Raises
    FunctionFailed.
    """
    with connected(quiet=True) as account:
        print(account, file=sys.stderr)  # standard output is for the answer
        # One try: a call that has timed out here may still be running there.
        client = account.client(
            "lambda", retries={"total_max_attempts": 1}, read_timeout=project.timeout + 30
        )
        try:
            return Function(f"{project.name}:live", client=client)(event)
        except FunctionFailed as error:
            if "not found" in str(error).lower():
                raise UserError(
                    f"{project.name} is not deployed here: run `make push deploy "
                    f"MODEL={project.name}`"
                ) from None
            raise


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("event", type=Path, help="a JSON file")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--model", help="the project folder, whose deployed function is invoked")
    where.add_argument(
        "--port", type=port_number, help="where `make run` serves a function, on 127.0.0.1"
    )
    args = parser.parse_args()
    try:
        event = json.loads(args.event.read_text())
        if args.model:
            answer = invoke_deployed(Project(args.model), event)
        else:
            answer = Function(endpoint_url=f"http://127.0.0.1:{args.port}")(event)
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{args.event} cannot be read as JSON: {getattr(error, 'strerror', None) or error}"
        ) from None
    except FunctionFailed as error:
        raise UserError(str(error)) from None


if __name__ == "__main__":
    main()
