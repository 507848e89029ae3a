"""Invokes a function with boto3, on this machine or on AWS, and prints its answer."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config

MOST_BYTES = 6 * 1024 * 1024  # of a synchronous request; the emulator would cut it silently


class FunctionFailed(Exception):
    """The function, or Lambda on its behalf, answered with an error."""


class Function:
    """A function that can be invoked.

    name: as Lambda knows it; the emulator knows all functions as "function".
    endpoint_url: the emulator's; None for AWS with the usual credentials and region.
    timeout: seconds to wait for an answer.
    """

    def __init__(self, name: str = "function", endpoint_url: str | None = None, timeout: float = 60):
        config = Config(retries={"total_max_attempts": 1}, read_timeout=timeout, connect_timeout=5)
        # The emulator checks no signature, but boto3 does not work without credentials.
        local = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
        self._name, self._endpoint_url = name, endpoint_url
        self._client = boto3.client("lambda", config=config, endpoint_url=endpoint_url, **(local if endpoint_url else {}))

    def __call__(self, event: object) -> object:
        """The function's answer to an event. Raises FunctionFailed with one line that says why there is none."""
        payload = json.dumps(event).encode()
        if len(payload) > MOST_BYTES:
            raise FunctionFailed(f"the event has {len(payload):,} bytes, more than Lambda's 6 MB")
        try:
            with _turn(self._endpoint_url):
                response = self._client.invoke(FunctionName=self._name, Payload=payload)
                body = response["Payload"].read()
        except botocore.exceptions.EndpointConnectionError:
            raise FunctionFailed(f"nothing answers at {self._endpoint_url}: start it with `make run`") from None
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 502 and self._endpoint_url:
                raise FunctionFailed("the function does not start or gave no valid answer: see the lines of `make run`") from None
            raise FunctionFailed(str(error)) from None
        except botocore.exceptions.BotoCoreError as error:
            raise FunctionFailed(str(error)) from None
        return _answer(body, response.get("FunctionError"))


def _answer(body: bytes, function_error: str | None) -> object:
    """The emulator answers 200 whatever happened, and does not set the function-error header: the body tells."""
    try:
        answer = json.loads(body)
    except ValueError:
        raise FunctionFailed(body.decode(errors="replace").strip() or "the answer is empty") from None
    if function_error or (isinstance(answer, dict) and "errorType" in answer and "errorMessage" in answer):
        raise FunctionFailed(f"{answer.get('errorType', function_error)}: {answer.get('errorMessage', '')}")
    return answer


@contextmanager
def _turn(endpoint_url: str | None):
    """Waits for other callers on this machine: two requests at once crash the emulator.

    https://github.com/aws/aws-lambda-runtime-interface-emulator/issues/97
    """
    if endpoint_url is None:
        yield
        return
    name = f"lambda-emulator-{urlsplit(endpoint_url).port}-{os.getuid()}.lock"
    with Path(tempfile.gettempdir(), name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed
        yield


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("event", type=Path, help="a JSON file")
    parser.add_argument("--function", default="function", help="the name of the function")
    parser.add_argument("--endpoint-url", help="of an emulator, http://127.0.0.1:9000 say; without it, AWS")
    args = parser.parse_args()
    try:
        event = json.loads(args.event.read_text())
        print(json.dumps(Function(args.function, args.endpoint_url)(event), indent=2, ensure_ascii=False))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{args.event} cannot be read as JSON: {error}") from None
    except FunctionFailed as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
