"""Checks that AWS and moto make, and the local AWS does not: a function can assume its role, and
its image exists.
"""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from cfnlint.decode import cfn_yaml
from moto import mock_aws

from scripts.aws import buckets, ecr, models
from scripts.aws.account import Account, explained
from scripts.aws.deploy import image_to_deploy
from scripts.aws.destroy import announce, destroy, own_bucket
from scripts.aws.parameters import TEMPLATE, parameters
from scripts.project import Project
from shared.errors import UserError

pytestmark = pytest.mark.commands

NOT_THERE = "sha256:" + "0" * 64


@pytest.fixture
def account(monkeypatch):
    """An account of moto's, with the usual settings for AWS itself."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_LAMBDA_STUB_ECR", "false")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("scripts.aws.local_aws.ENDPOINT", TEMPLATE / "none")
    with mock_aws():
        yield Account()


@pytest.fixture
def pushed(account, project):
    """The digest of something in the project's repository."""
    client = account.client("ecr")
    ecr.ensure_repository(client, account, project.name)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"digest": NOT_THERE, "size": 1},
        "layers": [],
    }
    image = client.put_image(
        repositoryName=project.name, imageManifest=json.dumps(manifest), imageTag="tag"
    )["image"]
    return image["imageId"]["imageDigest"]


@pytest.fixture
def role(account):
    """The ARN of a role that trusts whom the template's role trusts."""
    trust = cfn_yaml.load(str(TEMPLATE))["Resources"]["Role"]["Properties"][
        "AssumeRolePolicyDocument"
    ]
    return account.client("iam").create_role(
        RoleName="role", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]


def create(account, project, image, role):
    """Makes the function that the template would make. image: what follows the repository's name,
    by digest or tag.
    """
    uri = parameters(account, project, NOT_THERE)["ImageUri"].removesuffix(f"@{NOT_THERE}")
    client = account.client("lambda")
    return client.create_function(
        FunctionName=project.name, PackageType="Image", Code={"ImageUri": uri + image}, Role=role
    )


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_the_image_and_the_role_are_taken(account, project, pushed, role, by):
    image = f"@{pushed}" if by == "digest" else ":tag"
    assert create(account, project, image, role)["FunctionName"] == project.name


@pytest.mark.parametrize("image", [f"@{NOT_THERE}", ":not-pushed"])
def test_an_image_that_is_not_there_is_refused(account, project, pushed, role, image):
    with pytest.raises(ClientError) as refused:
        create(account, project, image, role)
    assert "does not exist" in explained(refused.value) and "\n" not in explained(refused.value)


@pytest.mark.parametrize(
    ("role", "why"),
    [
        (
            "arn:aws:iam::123456789012:role/none",
            "The role defined for the function cannot be assumed by Lambda",
        ),
        ("arn:aws:iam::210987654321:role/role", "Cross-account pass role is not allowed"),
    ],
)
def test_a_role_that_lambda_may_not_take_is_refused(account, project, pushed, role, why):
    with pytest.raises(ClientError) as refused:
        create(account, project, f"@{pushed}", role)
    assert why in explained(refused.value) and "\n" not in explained(refused.value)


def test_deploy_takes_the_pushed_image_and_says_so_where_none_is_left(
    account, project, pushed, monkeypatch, tmp_path
):
    monkeypatch.setattr(project, "folder", tmp_path)
    note = tmp_path / "build/pushed.json"
    note.parent.mkdir()
    for digest in (pushed, NOT_THERE):  # the second was deleted since: the newest takes its place
        note.write_text(json.dumps({"registry": account.registry, "digest": digest}))
        assert image_to_deploy(account, project)["imageDigest"] == pushed
    account.client("ecr").batch_delete_image(
        repositoryName=project.name, imageIds=[{"imageDigest": pushed}]
    )
    with pytest.raises(
        UserError,
        match=f"{project.name} has no image in ECR here: run `make push MODEL={project.name}`",
    ):
        image_to_deploy(account, project)


def test_the_repository_s_settings_survive_a_second_push(account, project, pushed):
    client = account.client("ecr")
    ecr.ensure_repository(client, account, project.name)
    [repository] = client.describe_repositories(repositoryNames=[project.name])["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE" and ecr.is_ours(client, project.name)
    by_configuration, by_manifest = (
        ecr.find(client, project.name, image_id) for image_id in (NOT_THERE, pushed)
    )
    assert by_configuration == by_manifest == ecr.images(client, project.name)[0]
    assert not ecr.find(client, project.name, "sha256:" + "1" * 64)
    assert ecr.described(client, project.name, imageDigest=NOT_THERE) is None


def test_it_is_addressed_as_aws(account):
    assert str(account).startswith("AWS account 123456789012, region us-east-1, as ")
    assert account.registry == "123456789012.dkr.ecr.us-east-1.amazonaws.com" and not account.local


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-central-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_other_partitions(account, project, monkeypatch, region, partition, suffix):
    """China's registries have a name of their own, and the regions of every partition are known."""
    monkeypatch.setenv("AWS_REGION", region)
    account = Account()
    assert (account.partition, account.registry) == (
        partition,
        f"123456789012.dkr.ecr.{region}.{suffix}",
    )
    project = Project(project.name)
    project.deploy = {**project.deploy, "bucket": True, "bulk": True}
    given = parameters(account, project, NOT_THERE)
    assert given["ImageUri"].startswith(f"{account.registry}/{project.name}@")
    assert given["DataObjects"].startswith(f"arn:{partition}:s3:::")


@pytest.mark.parametrize("name", ["short", "m" * 60])
def test_destroy_of_a_project_whose_bucket_could_have_no_name(
    account, project, monkeypatch, capsys, tmp_path, name
):
    """Without bucket = true, such a name can be deployed."""
    stack = SimpleNamespace(
        described=lambda: None, delete=lambda: None
    )  # moto's needs packages that nothing else does
    monkeypatch.setattr("scripts.aws.destroy.Stack", lambda account, name: stack)
    project = Project(project.name)
    project.name, project.folder = name, tmp_path
    ecr.ensure_repository(account.client("ecr"), account, name)
    announce(project, account)
    assert ("the bucket " in capsys.readouterr().out) == (name == "short")
    destroy(account, project)
    assert "deleted the repository" in capsys.readouterr().out and own_bucket(account, name) is None


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_bucket_for_models_is_created_once(account, monkeypatch, capsys, region):
    monkeypatch.setenv("AWS_REGION", region)
    account = Account()
    client = account.client("s3")
    for _ in range(2):
        models.ensure_bucket(client, account, "my-models")
    assert capsys.readouterr().out == "made the bucket my-models\n"
    assert client.head_bucket(Bucket="my-models")["BucketRegion"] == region
    assert buckets.is_ours(account, "my-models")


def test_a_bucket_for_models_in_another_region_is_refused(account, monkeypatch):
    models.ensure_bucket(account.client("s3"), account, "my-models")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    there = Account()
    with pytest.raises(
        UserError, match=r"^the bucket my-models is in us-east-1, and the function "
    ):
        models.ensure_bucket(there.client("s3"), there, "my-models")


def test_a_bucket_for_models_of_somebody_else_is_refused(account):
    client = account.client("s3")
    with Stubber(client) as stubber:
        stubber.add_client_error(
            "head_bucket",
            "403",
            expected_params={"Bucket": "my-models", "ExpectedBucketOwner": account.id},
        )
        with pytest.raises(UserError, match=r"^the bucket my-models belongs to another account"):
            models.ensure_bucket(client, account, "my-models")


def test_a_model_that_tmp_does_not_hold_is_refused(account, project, monkeypatch, tmp_path):
    project = Project(project.name)
    project.model_file = tmp_path / "model.onnx"
    project.model_file.write_bytes(b"1234")
    monkeypatch.setattr(project, "metadata", dict)
    monkeypatch.setattr(models, "MOST_BYTES", 3)
    with pytest.raises(UserError, match=r"^model\.onnx has more than 0 MB, too much for /tmp"):
        models.publish_model(account, project)
