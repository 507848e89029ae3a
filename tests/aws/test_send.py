"""`make send`: an event to each source of a deployed project, or one line with the reason."""

import json

import pytest

from scripts.aws import local_aws, send_object
from scripts.aws.deployed import Deployed
from scripts.aws.send import SOURCES
from scripts.project import ROOT
from shared.errors import UserError
from tests.aws.conftest import answer_to, close
from tests.aws.samples import dropped
from tests.handlers import example

NAME = "send-sklearn"


@pytest.fixture(scope="module")
def sender(local_aws_checkout, tabular):
    """A copy of a project, deployed for these tests alone, with a schedule that does not come by
    itself; and `make send`.
    """
    local_aws_checkout.copy(tabular, NAME)
    local_aws_checkout.set(NAME, schedule="rate(1 day)")
    try:
        local_aws_checkout.make("push", "deploy", f"MODEL={NAME}")
        yield lambda source, *more, **options: local_aws_checkout.make(
            "send", f"MODEL={NAME}", f"SOURCE={source}", *more, **options
        )
    finally:
        local_aws_checkout.make("destroy", f"MODEL={NAME}", "YES=1")


def shown(output):
    """The JSON below the lines about what was sent."""
    return json.loads(output[output.index("\n{") :])


@pytest.mark.parametrize("source", ["queue", "bus", "http"])
def test_the_response_is_shown(sender, tabular, source):
    assert close(shown(sender(source)), answer_to(tabular, example(tabular)))


def test_a_schedule_s_own_event_is_sent(sender):
    output = sender("schedule")
    assert "the rule with the schedule rate(1 day) is enabled" in output
    assert shown(output).items() >= {"predictions": 1, "refused": 0, "errors": 0}.items()


def test_a_file_in_the_bucket(sender, tabular, tmp_path, reachable):
    name, data, suffix, asked = dropped(tabular)
    (tmp_path / name).write_bytes(data)
    for _ in range(2):  # the second result is not the first one
        lines = sender("bucket", f"EVENT={tmp_path / name}").splitlines()
        assert lines[-1] == "and 47 more lines" and lines[-5].endswith(
            f"/results/input/{name}{suffix}:"
        )
        assert close({**json.loads(lines[-4]), "id": 0}, {**answer_to(tabular, asked[0]), "id": 0})
    assert close(
        json.loads(sender("bucket").splitlines()[-1]), answer_to(tabular, example(tabular))
    )


@pytest.mark.parametrize("source", ["queue", "bus", "http"])
def test_a_refusal_is_shown_with_its_reason(sender, tmp_path, source):
    (tmp_path / "bad.json").write_text('{"unknown": 1}')
    # Not the key itself: of an event that is not HTTP, the message is logged.
    reason = "unknown is not known" if source == "http" else "a key is not known: send "
    assert reason in sender(source, f"EVENT={tmp_path / 'bad.json'}", ok=False)


def test_a_file_that_is_refused_in_the_bucket(sender, tmp_path, reachable):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    assert "the function failed: InvalidInput: " in sender(
        "bucket", f"EVENT={tmp_path / 'bad.csv'}", ok=False
    )


def deployed(project, **outputs):
    """A deployed project of which only its stack's outputs are known."""
    made = Deployed.__new__(Deployed)
    made.project, made.outputs, made.parameters = project, outputs, {}
    made.account = type("Account", (), {"local": True, "endpoint_url": "http://127.0.0.1:1"})()
    return made


SETTINGS = {"queue": "queue = true", "bus": "events = true", "schedule": 'schedule = "rate(1 day)"'}
SETTINGS |= {"bucket": "bucket = true", "http": "api = true"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_is_switched_off(any_project, source):
    with pytest.raises(UserError) as message:
        SOURCES[source](deployed(any_project), any_project.event_file)
    line = str(message.value)
    assert (
        f"set {SETTINGS[source]} in {any_project.name}/function.toml, then `make deploy" in line
        and "\n" not in line
    )


def test_a_bucket_that_functions_do_not_reach(any_project, monkeypatch):
    monkeypatch.setattr(send_object.sys, "platform", "linux")
    monkeypatch.setattr(local_aws, "host", lambda: "127.0.0.1")
    with pytest.raises(
        UserError, match=r"`LOCAL_AWS_HOST=0\.0\.0\.0 make local-aws` starts it again"
    ):
        SOURCES["bucket"](deployed(any_project, BucketName="b"), any_project.event_file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["pigeon"],
            "SOURCE=pigeon is not an event source: choose one of queue, bus, schedule, bucket, "
            "http",
        ),
        ([""], "SOURCE= is not an event source: choose one of "),
        (["queue", "--event", "no such.json"], "EVENT=no such.json is not a file"),
    ],
)
def test_what_cannot_be_sent(run_script, any_project, arguments, message):
    ran = run_script("scripts/aws/send.py", any_project.name, *arguments)
    assert (
        ran.returncode == 1 and ran.stderr.startswith(message) and len(ran.stderr.splitlines()) == 1
    )


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        ({"customer": {"a": 1}}, [{"a": 1}]),
        ({"customers": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
        ({"image": "aGk="}, [{"image": "aGk="}]),
        ({"images": [{"url": "u"}, {"image": "i"}]}, [{"url": "u"}, {"image": "i"}]),
    ],
)
def test_a_request_as_the_lines_of_a_file(request_, rows):
    assert send_object.rows_of(request_) == rows


def test_a_file_that_no_bucket_scores(tmp_path):
    with pytest.raises(UserError, match="is not scored from a bucket: use"):
        send_object.content(ROOT / "README.md")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        send_object.content(tmp_path / "broken.json")
