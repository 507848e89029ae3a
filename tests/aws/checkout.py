"""A checkout with its own local AWS, and the commands and queries of the tests."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config

from scripts.aws.local_aws import KEY
from scripts.local.docker import DOCKER
from scripts.local.ports import free_port
from scripts.project import ROOT
from tests.checkout import Checkout

EVENT_SOURCES = {"events": True, "queue": True, "bucket": True, "bulk": True}  # off by default
COPY = "life-sklearn"  # a copied project for the tests of updates and interruptions
# Functions in containers reach the local AWS at this machine's bridge address: only where nobody
# else can reach that.
HOST = os.environ.get("LOCAL_AWS_HOST") or ("0.0.0.0" if os.environ.get("CI") else "")


class LocalAwsCheckout:
    """A checkout whose AWS commands go to a local AWS of its own."""

    def __init__(self, root: Path):
        command = [
            sys.executable,
            "scripts/install.py",
            "local-aws",
        ]  # in this checkout, for the copies of all tests
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
        self.checkout = Checkout(root)
        # Content of its own, so that no layer is another process's: the digests of two that are
        # built at once differ.
        for handler in root.glob("*/lambda_function.py"):
            handler.write_text(f"{handler.read_text()}# {root}\n")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.deployed: list[str] = []  # projects, for the fixture to destroy

    def make(self, *arguments, ok=True, **variables):
        """Run a command, and return its output. ok: whether it must succeed or must fail."""
        status, output = self.checkout.make(*arguments, **variables)
        assert (status == 0) == ok, output
        return output

    def cut_short(self, at, *arguments, **variables):
        """Runs make and presses Ctrl-C once it has printed a line with `at`; gives all that it
        printed.
        """
        process = self.checkout.popen("make", *arguments, **variables)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if at in line:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest, _ = process.communicate(timeout=120)
        output = "".join(lines) + rest
        assert process.returncode and "Traceback" not in output, output
        return output

    def quiet(self, *arguments):
        """Standard output alone, as $(make -s …) gives it."""
        command = ["make", "-s", *arguments]
        ran = subprocess.run(
            command,
            cwd=self.checkout.root,
            env=self.checkout.environment,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def client(self, service):
        """boto3's client for the local AWS."""
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "region_name": "us-east-1"}
        config = Config(
            read_timeout=120, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
        )
        return boto3.client(service, endpoint_url=self.url, config=config, **keys)

    def outputs(self, name):
        """The outputs of a project's stack."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def set(self, name, **settings):
        """Changes settings at the top and in [deploy] of a project's function.toml."""
        path = self.checkout.root / name / "function.toml"
        lines = path.read_text().splitlines()
        for key, value in settings.items():
            lines = [line for line in lines if not line.startswith(f"{key} =")]
            line = f"{key} = {json.dumps(value)}"
            if key in ("memory", "timeout", "model"):
                lines.insert(0, line)
            else:
                if "[deploy]" not in [text.split("#")[0].strip() for text in lines]:
                    lines.append("[deploy]")
                at = [text.split("#")[0].strip() for text in lines].index("[deploy]")
                lines.insert(at + 1, line)
        path.write_text("\n".join(lines) + "\n")

    def copy(self, project, name):
        """Copy a project that may be deployed already: the copy was never pushed, and has all event
        sources but the schedule.
        """
        self.checkout.copy(project, name, build=True)
        (self.checkout.root / name / "build/pushed.json").unlink(missing_ok=True)
        self.set(name, schedule="", **EVENT_SOURCES)

    def clear(self, name):
        """Destroys a project, if there is anything of it."""
        if self.names(name):
            assert f"nothing of {name} is left" in self.make("destroy", f"MODEL={name}", "YES=1")

    def alias(self, name):
        """The version that live points to, and the weights of others."""
        found = self.client("lambda").get_alias(FunctionName=name, Name="live")
        return found["FunctionVersion"], (found.get("RoutingConfig") or {}).get(
            "AdditionalVersionWeights"
        ) or {}

    def assert_nothing_left(self, name):
        """Looks through the account without the project's own scripts."""
        assert not self.names(name)

    def names(self, part):
        """The names of all that is in the account and has a part of a name in it."""

        def names(service, operation, key, field):
            pages = self.client(service).get_paginator(operation).paginate()
            return [item[field] for page in pages for item in page.get(key, [])]

        stacks = self.client("cloudformation").list_stacks()["StackSummaries"]
        found = [
            stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"
        ]
        found += names("lambda", "list_functions", "Functions", "FunctionName")
        found += names("ecr", "describe_repositories", "repositories", "repositoryName")
        found += names("logs", "describe_log_groups", "logGroups", "logGroupName")
        found += names("iam", "list_roles", "Roles", "RoleName") + names(
            "events", "list_rules", "Rules", "Name"
        )
        found += names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName")
        found += names("stepfunctions", "list_state_machines", "stateMachines", "name")
        found += names("apigatewayv2", "get_apis", "Items", "Name")
        found += [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]
        found += self.client("sqs").list_queues().get("QueueUrls", [])
        return [name for name in found if part in name]

    def log(self, name, **members):
        """The function's own log lines that have these members.

        From its containers: the local AWS keeps only what the engine has written by the end of a
            call, which may lack lines.
        """
        listed = subprocess.run(
            [DOCKER, "ps", "--all", "--format", "{{.ID}} {{.Image}}"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = []
        for container, image in (line.split() for line in listed.stdout.splitlines()):
            if re.match(rf"127\.0\.0\.1:{self.port}/{re.escape(name)}(?![\w.-])", image):
                printed = subprocess.run(
                    [DOCKER, "logs", container],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                found += [
                    json.loads(line)
                    for line in printed.stdout.splitlines()
                    if line.startswith('{"level"')
                ]
        return [
            line for line in found if all(line.get(key) == value for key, value in members.items())
        ]


def eventually(question, limit=60, every=0.2):
    """The first answer that is not empty, within a limit in seconds. every: how many seconds to
    wait before it is asked again.
    """
    end = time.monotonic() + limit
    while not (found := question()) and time.monotonic() < end:
        time.sleep(every)
    assert found, f"not within {limit} s"
    return found
