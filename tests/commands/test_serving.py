"""`make run` answers curl, requests and boto3, in Docker and on the host."""

import json
import re
import signal
import subprocess

import boto3
import pytest
import requests
from botocore.config import Config

from scripts.local.docker import DOCKER
from tests.checkout import Checkout
from tests.commands.served import PATH, Served
from tests.handlers import answer_to, example
from tests.processes import containers_with
from tests.unit.http_events import http_api


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copied checkout for all tests of this file: none of them changes it."""
    return Checkout(tmp_path_factory.mktemp("serving") / "checkout")


@pytest.fixture(scope="module")
def served(checkout, any_project, way):
    """`make run`, once for each way."""
    served = Served(checkout, any_project, way)
    yield served
    served.interrupt(signal.SIGINT)


def test_curl_requests_and_boto3_get_the_same_answer(served, any_project):
    url = f"http://127.0.0.1:{served.port}"
    event = any_project.event_file.read_text()
    [shown] = [line for line in served.lines if line.startswith("curl ")]
    curl = subprocess.run(
        ["sh", "-c", f"{shown.strip()} --silent --show-error"],
        cwd=any_project.folder.parent,
        capture_output=True,
        check=True,
    )
    answers = [
        json.loads(curl.stdout),
        requests.post(url + PATH, json=json.loads(event), timeout=30).json(),
    ]
    local = {"region_name": "us-east-1", "aws_access_key_id": "any", "aws_secret_access_key": "any"}
    client = boto3.client(
        "lambda", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}), **local
    )
    answers.append(
        json.loads(client.invoke(FunctionName="function", Payload=event)["Payload"].read())
    )
    assert answers[0] == answers[1] == answers[2]
    assert answers[0] == answer_to(any_project, example(any_project))


def test_invoke_local(served, checkout, any_project, tmp_path):
    status, output = checkout.make(
        "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}"
    )
    assert status == 0 and json.loads(output) == answer_to(any_project, example(any_project))
    bad = tmp_path / "a bad.json"
    bad.write_text("{}")
    status, output = checkout.make(
        "invoke-local", f"MODEL={any_project.name}", f"PORT={served.port}", f"EVENT={bad}"
    )
    assert status != 0 and output.startswith("InvalidInput: the request must have either ")


def test_http_events_go_through_the_emulator_too(served):
    answer = requests.post(
        f"http://127.0.0.1:{served.port}{PATH}", json=http_api("GET", "/health"), timeout=30
    ).json()
    assert answer["statusCode"] == 200


def test_a_taken_port_is_reported_with_another(served, checkout, any_project, way):
    status, output = checkout.make("run", f"MODEL={any_project.name}", f"PORT={served.port}", **way)
    assert status != 0
    assert re.match(
        rf"port {served.port} is in use: stop the other process, or choose another with PORT=\d+\nmake: ",
        output,
    ), output


def test_it_says_which_way_it_runs_and_why(served, way):
    said = "".join(served.lines)
    assert (
        ("without a container, because no-such-docker is not installed" in said)
        if way
        else ("in a container of" in said)
    )


@pytest.mark.parametrize("way", ["container"], indirect=True)
def test_a_container_has_the_limits_of_lambda(served, any_project):
    [name] = containers_with(served.name)
    inspected = subprocess.run(
        [DOCKER, "inspect", name], capture_output=True, text=True, check=True
    )
    [container] = json.loads(inspected.stdout)
    host = container["HostConfig"]
    assert not container["Mounts"]  # hence no volume that would outlive it
    assert host["ReadonlyRootfs"] and list(host["Tmpfs"]) == ["/tmp"] and host["CapAdd"] is None
    assert [drop.lower() for drop in host["CapDrop"]] == ["all"]
    assert host["Memory"] == host["MemorySwap"] == any_project.memory * 1024 * 1024
    assert host["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
