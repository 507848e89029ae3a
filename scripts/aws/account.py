"""Connect to AWS with the usual credentials, or to the local AWS while that runs.

AWS_ENDPOINT_URL decides if it is set; else the local AWS is used from `make local-aws` to
`make local-aws-stop`; else AWS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions as errors
from botocore.config import Config
from botocore.loaders import create_loader

from scripts.aws import local_aws
from shared.errors import UserError

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_KEYS = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
MISSING = {
    "NoSuchBucket",
    "404",
    "NotFound",
    "ResourceNotFoundException",
    "RepositoryNotFoundException",
}
LOG_IN = "log in again (`aws sso login`, or new keys in ~/.aws/credentials)"


class Account:
    """An AWS account in one region, and the clients for it.

    id: 12 digits; region: such as us-east-1; endpoint_url: of the local AWS, None for AWS itself;
        local: on this machine.
    """

    def __init__(self) -> None:
        self.endpoint_url = _endpoint_url()
        # A local AWS checks no signature: it is never shown real keys.
        self.local = urlsplit(self.endpoint_url or "").hostname in ("127.0.0.1", "localhost", "::1")
        keys = {"aws_access_key_id": local_aws.KEY, "aws_secret_access_key": local_aws.KEY}
        local = keys if self.local else {}
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        # A profile may be set for AWS, and be unknown on this machine: a local AWS needs none.
        profile = {} if self.local else {"profile_name": os.environ.get("AWS_PROFILE") or None}
        self._session = boto3.Session(
            region_name=region or ("us-east-1" if local else None), **local, **profile
        )
        if not self._session.region_name:
            raise errors.NoRegionError()
        self.region: str = self._session.region_name
        if not self.endpoint_url and self.region not in self._regions():
            raise UserError(f"AWS has no region {self.region}: set AWS_REGION, to us-east-1 say")
        identity = self.client("sts").get_caller_identity()
        self.id: str = identity["Account"]
        self.partition: str = identity["Arn"].split(":")[1]  # aws, aws-cn or aws-us-gov
        self.plain_http = (self.endpoint_url or "").startswith("http://")
        self.user: str = identity["Arn"].split(":", 5)[-1]

    def client(self, service: str, **options: object) -> Any:
        """Return a boto3 client. options: of botocore's Config; by default five tries and 60 s for
        an answer.
        """
        retries = {"total_max_attempts": 5, "mode": "standard"}
        config = Config(**{"retries": retries, "connect_timeout": 5, **options})
        return self._session.client(service, endpoint_url=self.endpoint_url, config=config)

    def credentials(self) -> Any:
        """Return the credentials for a request that boto3 does not sign."""
        return self._session.get_credentials()

    @property
    def registry(self) -> str:
        """Return the registry to which docker pushes: the account's ECR."""
        if self.endpoint_url:
            return urlsplit(self.endpoint_url).netloc
        partitions = {
            known["id"]: known["outputs"]
            for known in create_loader().load_data("partitions")["partitions"]
        }
        # amazonaws.com, or in China amazonaws.com.cn.
        return f"{self.id}.dkr.ecr.{self.region}.{partitions[self.partition]['dnsSuffix']}"

    def _regions(self) -> list[str]:
        """Return all regions with Lambda, in all partitions: AWS, China, GovCloud."""
        partitions = self._session.get_available_partitions()
        return [
            region
            for partition in partitions
            for region in self._session.get_available_regions("lambda", partition)
        ]

    def __str__(self) -> str:
        if self.endpoint_url:
            where = f"{'local AWS' if self.local else 'AWS'} at {self.endpoint_url}"
            return f"{where}, account {self.id}, region {self.region}"
        return f"AWS account {self.id}, region {self.region}, as {self.user}"


@contextmanager
def connected(quiet: bool = False) -> Iterator[Account]:
    """Yield the account, and raise UserError for an error of AWS inside the block. quiet: do not
    print the account.
    """
    try:
        account = Account()
        if not quiet:
            print(account, flush=True)
        yield account
    except (errors.ClientError, errors.BotoCoreError, errors.WaiterError) as error:
        raise UserError(explained(error)) from None
    except BrokenPipeError:  # as in `make logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise UserError("\nstopped: run the same command again, and it goes on from here") from None


def explained(error: Exception) -> str:
    """Return one line for an error of boto3: what it means, and what to do."""
    if isinstance(error, errors.ClientError):
        return _refusal(error)
    text = " ".join(str(error).split())
    if isinstance(error, (errors.NoCredentialsError, errors.PartialCredentialsError)):
        return (
            "no AWS credentials: set AWS_PROFILE, or run `aws configure`; without an account, run "
            "`make local-aws`"
        )
    if isinstance(error, errors.ProfileNotFound):
        return f"{text}: set AWS_PROFILE to one that `aws configure list-profiles` shows"
    if isinstance(error, errors.NoRegionError):
        return "no AWS region: set AWS_REGION, to us-east-1 say"
    is_login = type(error).__name__.startswith("Login")  # newer versions of botocore have them
    if is_login or isinstance(error, (errors.SSOError, errors.TokenRetrievalError)):
        return f"the AWS login has expired: {LOG_IN}"
    if isinstance(error, errors.HTTPClientError | errors.ConnectionError):
        if url := _endpoint_url():
            return (
                f"nothing answers at {url}: run `make local-aws` to start it, or `make "
                "local-aws-stop` to go to AWS"
            )
        return f"AWS cannot be reached ({text}): check the network and AWS_REGION"
    return text


def code_of(error: errors.ClientError) -> str:
    """Return the error's name, such as ResourceNotFoundException."""
    return error.response.get("Error", {}).get("Code", "")


def _refusal(error: errors.ClientError) -> str:
    """Return one line for an error that AWS returned."""
    code = code_of(error)
    message = " ".join(error.response.get("Error", {}).get("Message", "").split())
    if code in EXPIRED:
        return f"the AWS credentials have expired: {LOG_IN}"
    if code in UNKNOWN_KEYS:
        return (
            f"AWS does not know these credentials ({code}): check AWS_PROFILE, and that the "
            "region is enabled in the account"
        )
    if code in FORBIDDEN:
        return (
            f"not allowed: {message or error.operation_name}: ask for this permission "
            "(docs/deploy.md lists them)"
        )
    return f"{error.operation_name} failed: {message or code}"


def _endpoint_url() -> str | None:
    if url := os.environ.get("AWS_ENDPOINT_URL"):
        return url.rstrip("/")
    return local_aws.ENDPOINT.read_text().strip() if local_aws.ENDPOINT.exists() else None
