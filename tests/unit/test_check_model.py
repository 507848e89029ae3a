"""make publish runs the handler with a model before the upload: the reasons for which it refuses."""

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.local import check_model
from shared.errors import UserError

GOOD = 'return {"path": os.environ["MODEL_PATH"], "ms": context.get_remaining_time_in_millis()}'


@pytest.fixture
def small(tmp_path, monkeypatch) -> Any:
    """A project whose handler has the body that a test writes."""
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")

    def write(body, top=""):
        text = f"import os, sys\n{top}\ndef lambda_handler(event, context):\n    {body}\n"
        (tmp_path / "lambda_function.py").write_text(text)

    project = SimpleNamespace(name="churn", folder=tmp_path, write=write, timeout=1, memory=256)
    project.onnx_api, project.environment, project.event = "c", {"GREETING": "hi"}, lambda: {"a": 1}
    return project


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        'sys.stdout.write("no line end"); return event',
        'assert os.environ["GREETING"] == "hi" and "AWS_PROFILE" not in os.environ',
        'return {"statusCode": 200}',
        "return None",
    ],
)
def test_a_handler_that_responds(small, tmp_path, body):
    small.write(body)
    assert check_model.failure(small, tmp_path / "model.onnx") is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('raise KeyError("tenure")', "KeyError: 'tenure'"),
        ("return {1, 2}", "TypeError: Object of type set is not JSON serializable"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("os._exit(0)", "status 0"),
        ("os.kill(os.getpid(), 11)", "status -11"),
        ('return {"statusCode": 422, "body": "no"}', "it responds with status 422: no"),
        ("import time; time.sleep(60)", "no response within 1.1 s"),
    ],
)
def test_a_handler_that_fails(small, tmp_path, monkeypatch, body, reason):
    monkeypatch.setattr(check_model, "START_SECONDS", 0.1 if "sleep" in body else 30)
    small.write(body)
    assert check_model.failure(small, tmp_path / "model.onnx") == reason
    with pytest.raises(
        UserError, match=r"^the handler of churn cannot serve this model: .*\)"
    ) as e:
        check_model.require_served(small, tmp_path / "model.onnx")
    assert f"event.json fails ({reason})" in str(e.value) and "\n" not in str(e.value)


def test_a_handler_that_does_not_start(small, tmp_path):
    small.write(GOOD, top="import no_such_module")
    reason = check_model.failure(small, tmp_path / "model.onnx")
    assert reason == "ModuleNotFoundError: No module named 'no_such_module'"
