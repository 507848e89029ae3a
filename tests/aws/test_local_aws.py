"""The local AWS starts once, listens on this machine alone, keeps its data, and stops."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from scripts.local.ports import free_port
from tests.aws.checkout import LocalAwsCheckout
from tests.processes import running_with

pytestmark = pytest.mark.commands


@pytest.fixture
def alone(base_image, tmp_path):
    """A checkout in which no local AWS runs yet."""
    local_aws_checkout = LocalAwsCheckout(tmp_path / "checkout")
    yield local_aws_checkout
    local_aws_checkout.make("local-aws-stop", "FORGET=1")


def start(local_aws_checkout):
    """Run `make local-aws` on the checkout's port."""
    return local_aws_checkout.make(
        "local-aws", f"AWS_PORT={local_aws_checkout.port}", LOCAL_AWS_HOST=""
    )


# In a process of its own, because tests connect to the loopback address alone. Whether a port
# answers at it and at another address of this machine; nothing is sent to 192.0.2.1, which only
# chooses that address.
ASK = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect(("192.0.2.1", 9))
    address = probe.getsockname()[0]
for host in ("127.0.0.1", address):
    with socket.socket() as client:
        client.settimeout(1)
        print(host, client.connect_ex((host, int(sys.argv[1]))) == 0)"""


def test_it_starts_once_and_stops(alone):
    began = time.monotonic()
    assert f"the local AWS runs at {alone.url}" in start(alone)
    assert time.monotonic() - began < 20
    assert f"the local AWS runs already at {alone.url}" in start(alone)
    bucket = alone.client("s3").create_bucket(Bucket="kept")
    alone.client("s3").put_object(Bucket="kept", Key="a", Body=b"b")
    assert bucket and len(running_with(f"GATEWAY_PORT={alone.port}")) == 1

    assert "the local AWS has stopped" in alone.make("local-aws-stop")
    assert not running_with(f"GATEWAY_PORT={alone.port}")
    assert "the local AWS does not run" in alone.make("local-aws-stop")
    start(alone)
    assert alone.client("s3").get_object(Bucket="kept", Key="a")["Body"].read() == b"b"

    alone.make("local-aws-stop", "FORGET=1")
    start(alone)
    assert not alone.client("s3").list_buckets()["Buckets"]


def test_another_address_starts_it_again_with_its_data(alone):
    """The setting was ignored while it ran, and files in a bucket were then never scored."""
    start(alone)
    alone.client("s3").create_bucket(Bucket="kept")
    output = alone.make(
        "local-aws", LOCAL_AWS_HOST="localhost"
    )  # another name for an address that nobody else reaches
    assert "starting it again to listen on localhost instead of 127.0.0.1: its data stays" in output
    assert [found["Name"] for found in alone.client("s3").list_buckets()["Buckets"]] == ["kept"]
    assert len(running_with(f"GATEWAY_PORT={alone.port}")) == 1


def test_another_port_is_not_ignored(alone):
    start(alone)
    output = alone.make("local-aws", f"AWS_PORT={free_port()}", ok=False)
    assert f"the local AWS runs already at {alone.url}: run `make local-aws-stop` first" in output


def test_it_listens_on_this_machine_alone(alone):
    start(alone)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(alone.port)], capture_output=True, text=True, check=True
    )
    answered = dict(map(str.split, asked.stdout.splitlines()))
    assert answered.pop("127.0.0.1") == "True" and set(answered.values()) <= {"False"}


def test_a_port_that_is_taken(alone):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = alone.make("local-aws", f"AWS_PORT={taken.getsockname()[1]}", ok=False)
    assert "is in use: stop the other process, or choose another with AWS_PORT=" in output


def test_one_that_was_killed_is_started_again(alone):
    start(alone)
    pid = int((alone.checkout.root / ".local-aws/pid").read_text())
    os.kill(pid, signal.SIGKILL)
    output = alone.make("url", ok=False)
    assert f"nothing answers at {alone.url}: run `make local-aws` to start it" in output
    alone.port = free_port()
    alone.url = f"http://127.0.0.1:{alone.port}"
    assert f"the local AWS runs at {alone.url}" in start(alone)
