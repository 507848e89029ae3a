"""function.toml is validated as a whole: each mistake is one line that names it and says what to
write.
"""

import subprocess
import sys

import pytest

from scripts import settings
from scripts.project import ROOT, Project, require_deployable
from shared.errors import UserError

GOOD = "memory = 256\ntimeout = 15\n"


def read(tmp_path, text):
    """Parse a function.toml with the given text."""
    path = tmp_path / "function.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return settings.read("my-model", path)


def test_the_smallest_file_is_completed(tmp_path):
    found = read(tmp_path, GOOD)
    assert (found["memory"], found["timeout"], found["onnx_api"], found["environment"]) == (
        256,
        15,
        "python",
        {},
    )
    assert found["deploy"] == settings.DEFAULTS
    assert [key for key, value in found["deploy"].items() if value is True] == ["api"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no memory: add a line memory = … (MB, 128 to 10240) above the first table"),
        ("memory = 256", "has no timeout: add a line timeout = … (seconds, 1 to 900)"),
        ("memroy = 256\ntimeout = 15", "has an unknown setting memroy: did you mean memory?"),
        (
            "memory = '256'\ntimeout = 15",
            "needs a whole number from 128 to 10240 for memory (MB), not '256'",
        ),
        (
            "memory = 127\ntimeout = 15",
            "needs a whole number from 128 to 10240 for memory (MB), not 127",
        ),
        (
            "memory = 10241\ntimeout = 15",
            "needs a whole number from 128 to 10240 for memory (MB), not 10241",
        ),
        (
            "memory = true\ntimeout = 15",
            "needs a whole number from 128 to 10240 for memory (MB), not True",
        ),
        (
            "memory = 256\ntimeout = 0",
            "needs a whole number from 1 to 900 for timeout (seconds), not 0",
        ),
        (
            "memory = 256\ntimeout = 901",
            "needs a whole number from 1 to 900 for timeout (seconds), not 901",
        ),
        (
            "memory = 256\ntimeout = 1.5",
            "needs a whole number from 1 to 900 for timeout (seconds), not 1.5",
        ),
        (GOOD + "onnx_api = 'rust'", "needs one of python, c for onnx_api, not 'rust'"),
        (GOOD + "onnx_api = ['c']", "needs one of python, c for onnx_api, not ['c']"),
        (GOOD + "[enviroment]", "has an unknown table [enviroment]: did you mean environment?"),
        (
            GOOD + "[zzz]",
            "has an unknown table [zzz]: known are memory, timeout, onnx_api, quantized, "
            "model, environment, deploy",
        ),
        (GOOD + "environment = 'x'", "needs [environment] to be a table"),
        (GOOD + "[[deploy]]\napi = true", "needs [deploy] to be a table"),
        ("timeout = 15\n[memory]\nmb = 256", "needs a value for memory, not a table"),
        ("memory = ", "is not valid TOML: Invalid value (at end of document)"),
        (GOOD + "memory = 512", "is not valid TOML: "),
        (b"memory = 256 # \xff", "cannot be read: "),
        (
            GOOD + "[environment]\nGREETING = 1",
            "needs text in quotes for GREETING in [environment], not 1",
        ),
        (
            GOOD + "[environment]\nGREETING = true",
            "needs text in quotes for GREETING in [environment], not true",
        ),
        (
            GOOD + "[environment]\n'A-B' = 'x'",
            "has 'A-B' in [environment]: use letters, digits and _ in a name",
        ),
        (
            GOOD + "[environment]\nAWS_SECRET_ACCESS_KEY = 'x'",
            "sets AWS_SECRET_ACCESS_KEY in [environment], which is reserved",
        ),
        (
            GOOD + "[environment]\n_HANDLER = 'x'",
            "sets _HANDLER in [environment], which is reserved for Lambda",
        ),
        (
            GOOD + "[environment]\nLAMBDA_TASK_ROOT = 'x'",
            "sets LAMBDA_TASK_ROOT in [environment], which is reserved",
        ),
        (GOOD + '[environment]\nA = "\\u0000"', "has a NUL character in the value of A"),
        (
            GOOD + f"[environment]\nA = '{'x' * 4096}'",
            "has 4,097 bytes in [environment], more than Lambda's 4,096",
        ),
        (
            GOOD + "[deploy]\nmemory = 512",
            "has an unknown setting memory in [deploy]: move it above the first table",
        ),
        (
            GOOD + "[deploy]\nque = true",
            "has an unknown setting que in [deploy]: did you mean queue?",
        ),
    ],
)
def test_each_mistake_is_named_in_one_line(tmp_path, text, message):
    with pytest.raises(UserError) as stopped:
        read(tmp_path, text)
    assert str(stopped.value).startswith(f"my-model/function.toml {message}") and "\n" not in str(
        stopped.value
    )


@pytest.mark.parametrize(
    "model",
    [
        "model.onnx",
        "s3://bucket",
        "s3://bucket/models",
        "s3:///models/",
        "s3://Bucket/models/",
        "s3://my.bucket/models/",
        "s3://bucket//",
        "s3://bucket/a//b/",
        "s3://bucket/../",
        "s3://bucket/./a/",
        "s3://bucket/*/",
        "s3://bucket/${aws:username}/",
        "s3://bucket/a b/",
        "s3://bucket/ä/",
        "https://bucket.s3.amazonaws.com/models/",
        "s3://bucket/models/\\n",
    ],
)
def test_an_address_that_cannot_hold_models(tmp_path, model):
    with pytest.raises(UserError) as stopped:
        read(tmp_path, f'{GOOD}model = "{model}"')
    assert str(stopped.value).startswith(
        "my-model/function.toml needs an address such as 's3://my-bucket/models/' for model, not "
    )


@pytest.mark.parametrize("model", ["true", "1", "[]"])
def test_an_address_that_is_no_text(tmp_path, model):
    with pytest.raises(UserError, match="needs an address such as"):
        read(tmp_path, f"{GOOD}model = {model}")


@pytest.mark.parametrize("model", ["", "s3://bucket/", "s3://my-bucket/a/B_c-1.2/(x)!'/..a/"])
def test_an_address_for_models(tmp_path, model):
    assert read(tmp_path, f'{GOOD}model = "{model}"')["model"] == model


def test_each_project_has_its_own_models(any_project, monkeypatch):
    """A copy with the same address neither reads nor deletes those of the original."""
    assert Project(any_project.name).model_folder == ""
    found = settings.read(any_project.name, any_project.folder / "function.toml")
    monkeypatch.setattr(settings, "read", lambda *_: {**found, "model": "s3://bucket/models/"})
    assert Project(any_project.name).model_folder == f"s3://bucket/models/{any_project.name}/"


def test_a_missing_file(tmp_path):
    with pytest.raises(
        UserError, match=r"my-model has no function\.toml: copy the one of another project"
    ):
        settings.read("my-model", tmp_path / "function.toml")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"apj": True}, "has an unknown setting apj in [deploy]: did you mean api?"),
        ({"api": "yes"}, "needs true or false for api, not 'yes'"),
        (
            {"provisioned_concurrency": True},
            "needs a whole number for provisioned_concurrency, not true",
        ),
        (
            {"data_buckets": "mine"},
            'needs a list such as ["one", "two"] for data_buckets, not \'mine\'',
        ),
        ({"architecture": "arm"}, "needs one of x86_64, arm64 for architecture, not 'arm'"),
        ({"function_url": "open"}, "needs one of off, iam, public for function_url, not 'open'"),
        ({"log_retention_days": 15}, "needs one of 1, 3, 5, 7,"),
        ({"schedule": "daily"}, "needs text such as 'rate(1 day)' for schedule, not 'daily'"),
        (
            {"schedule": "rate(1 days)"},
            "needs text such as 'rate(1 day)' for schedule, not 'rate(1 days)'",
        ),
        ({"alarm_email": "me"}, "needs text such as 'me@example.com' for alarm_email, not 'me'"),
        (
            {"cors_origins": ["example.com"]},
            "needs names such as 'https://www.example.com' in cors_origins, not 'example.com'",
        ),
        (
            {"snapstart": True, "provisioned_concurrency": 1},
            "has both snapstart and provisioned_concurrency",
        ),
        (
            {"provisioned_concurrency": 3, "reserved_concurrency": 2},
            "provisions more (3) than reserved_concurrency allows (2)",
        ),
        ({"requests_per_second": 0}, "has a negative number"),
        ({"bulk": True}, "has bulk = true and no bucket to score files in: set bucket = true"),
    ],
)
def test_a_wrong_deployment_setting_is_named(found, message):
    with pytest.raises(UserError) as stopped:
        settings.checked("my-model", found)
    assert str(stopped.value).startswith(f"my-model/function.toml {message}")


@pytest.mark.parametrize(
    "bucket",
    ["*", "my-*", "", "ab", "Mine", "a_b", "a..b", "192.168.0.1", "a/b", "x" * 64, 1, "a,b"],
)
def test_a_bucket_that_can_be_none_or_many_is_refused(bucket):
    """Its name becomes the resource of a permission: a star there would give all of S3."""
    with pytest.raises(UserError, match="needs names such as 'my-bucket' in data_buckets"):
        settings.checked("my-model", {"data_buckets": ["good-bucket", bucket]})


@pytest.mark.parametrize(
    "found",
    [
        {"data_buckets": ["my-bucket", "a.b.c", "123"]},
        {"schedule": "rate(5 minutes)"},
        {"schedule": "cron(0 6 * * ? *)"},
        {"cors_origins": ["https://a.example.com", "http://localhost:8000"]},
        {"alarm_email": "me+alarms@example.com"},
        {"provisioned_concurrency": 2, "reserved_concurrency": 2},
        {"bulk": True, "bucket": True},
        {"bulk": True, "data_buckets": ["my-bucket"]},
    ],
)
def test_what_is_allowed(found):
    assert settings.checked("my-model", found).items() >= found.items()


@pytest.mark.parametrize("name", ["my_model", "2nd-model", "my.model", "m" * 65])
def test_a_name_that_runs_here_and_cannot_be_deployed(name):
    with pytest.raises(UserError, match=f"{name} cannot be deployed: rename the folder"):
        require_deployable(name)


@pytest.mark.parametrize("arguments", [["no-such-model"], ["no-such-model", "--deployable"]])
def test_the_check_that_make_calls_first(arguments):
    """It says nothing of a good project, needs no packages, and names what is wrong with
    another.
    """
    for given, status, message in (
        ([Project.names()[0]], 0, ""),
        (arguments, 1, "MODEL=no-such-model is not a project folder"),
    ):
        command = [sys.executable, "-S", "-m", "scripts.project", *given]
        ran = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True)
        assert (
            ran.returncode == status
            and not ran.stdout
            and ran.stderr.startswith(message)
            and ran.stderr.count("\n") == status
        )


def test_the_name_of_an_image_for_a_script():
    """As a workflow asks for it, to save what `make build` made."""
    project = Project(Project.names()[0])
    command = [sys.executable, "-S", "-m", "scripts.project", project.name, "--image"]
    ran = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert ran.stdout == f"{project.image}\n"
