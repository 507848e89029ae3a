"""A local AWS for the tests, with each project deployed once by the commands that a user runs."""

import functools
import json
import sys

import pytest

from tests.aws.checkout import COPY, EVENT_SOURCES, HOST, LocalAwsCheckout
from tests.handlers import answer_to, example


@pytest.fixture(scope="session")
def local_aws_checkout(base_image, tmp_path_factory):
    """A checkout with a local AWS, which is stopped when the tests are over, and whose data is
    deleted with it.
    """
    local_aws_checkout = LocalAwsCheckout(tmp_path_factory.mktemp("aws") / "checkout")
    local_aws_checkout.make("local-aws", f"AWS_PORT={local_aws_checkout.port}", LOCAL_AWS_HOST=HOST)
    yield local_aws_checkout
    try:
        for name in local_aws_checkout.deployed:
            assert f"nothing of {name} is left" in local_aws_checkout.make(
                "destroy", f"MODEL={name}", "YES=1"
            )
    finally:
        local_aws_checkout.make("local-aws-stop", "FORGET=1")


@pytest.fixture(scope="session")
def reachable():
    """Skips where functions cannot reach the local AWS, and so no object in S3."""
    if sys.platform == "linux" and not HOST:
        pytest.skip(
            "functions in containers do not reach 127.0.0.1: set LOCAL_AWS_HOST=0.0.0.0 where "
            "nobody else is on the network"
        )


@functools.cache
def deploy_once(local_aws_checkout, project):
    """Push a project and deploy it with all event sources; return its stack's outputs."""
    local_aws_checkout.deployed.append(project.name)
    local_aws_checkout.set(project.name, schedule="rate(1 minute)", **EVENT_SOURCES)
    local_aws_checkout.make("push", "deploy", f"MODEL={project.name}")
    return local_aws_checkout.outputs(project.name)


@pytest.fixture(scope="session")
def deployed(local_aws_checkout, project, projects):
    """The outputs of a deployed project's stack."""
    # all at once, so that the minute until the schedules call passes once, and beside other tests
    for each in projects:
        deploy_once(local_aws_checkout, each)
    return deploy_once(local_aws_checkout, project)


@pytest.fixture(scope="session")
def bucket(deployed, reachable):
    """The bucket of a deployed project."""
    return deployed["BucketName"]


def close(one, other):
    """Two answers, equal but for the last digits: another machine's arithmetic may differ in
    those.
    """
    rounded = [
        json.loads(json.dumps(answer), parse_float=lambda text: round(float(text), 4))
        for answer in (one, other)
    ]
    return rounded[0] == rounded[1]


def without(answer, key):
    """An answer without what is not the model's."""
    return {name: value for name, value in answer.items() if name != key}


@pytest.fixture
def answer(project):
    """The correct response of the project to its example."""
    return answer_to(project, example(project))


@pytest.fixture(scope="session")
def mine(local_aws_checkout, tabular):
    """A copy of a project: cp -r and nothing else."""
    local_aws_checkout.copy(tabular, COPY)
    yield local_aws_checkout
    local_aws_checkout.clear(COPY)


@pytest.fixture
def fresh(mine):
    """The copy, pushed and deployed as version 1 and nothing else."""
    mine.clear(COPY)
    mine.set(COPY, memory=256)
    mine.make("push", "deploy", f"MODEL={COPY}")
    assert mine.alias(COPY) == ("1", {})
    return mine
