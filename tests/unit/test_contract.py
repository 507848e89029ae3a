"""Every row of the contract of tabular projects: event source, event, response."""

import json

import pytest

from shared.serving.errors import InvalidInput
from tests.unit.http_events import FORMS, encoded, http_api, opened
from tests.unit.toy import CUSTOMER, METADATA, SCHEMA, probability

ONE, MANY = (
    {"customer": CUSTOMER},
    {"customers": [CUSTOMER, {**CUSTOMER, "plan": "gold", "fee": None}]},
)
JSON = {"Content-Type": "application/json; charset=utf-8"}


def assert_answers(answer, customer):
    """Assert that a response is the toy model's prediction for a customer, without warnings."""
    assert answer["churn_probability"] == pytest.approx(probability(customer), abs=1e-6)
    assert answer["churn"] is bool(probability(customer) >= METADATA["threshold"])
    assert "warnings" not in answer


def test_direct_invoke_with_one_customer(handler):
    assert_answers(handler(ONE), CUSTOMER)


def test_direct_invoke_with_many_customers_keeps_their_order(handler):
    answer = handler(MANY)
    assert list(answer) == ["predictions"]
    for one, customer in zip(answer["predictions"], MANY["customers"], strict=True):
        assert_answers(one, customer)


def test_answers_are_json(handler):
    assert json.loads(json.dumps(handler(MANY))) == handler(MANY)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/predict", "/predict/", "/"])
@pytest.mark.parametrize("wrap", [lambda event: event, encoded], ids=["text", "base64"])
def test_http_post(handler, form, path, wrap):
    status, headers, body = opened(handler(wrap(form("POST", path, json.dumps(ONE), JSON))))
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert_answers(body, CUSTOMER)


@pytest.mark.parametrize("form", FORMS)
def test_http_get(handler, form):
    assert opened(handler(form("GET", "/health")))[::2] == (200, {"name": "toy", "version": "v1"})
    status, _, schema = opened(handler(form("GET", "/schema")))
    assert (status, schema["input_schema"], schema["labels"]) == (200, SCHEMA, ["no", "yes"])
    assert opened(handler(form("GET", "/")))[2] == schema


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/predict", "{", JSON, 400),
        ("POST", "/predict", "", JSON, 400),
        ("POST", "/predict", '{"customer": NaN}', JSON, 400),
        ("POST", "/predict", '{"customer": {"months": Infinity}}', JSON, 400),
        ("POST", "/predict", '{"customer": ' + "9" * 5000 + "}", JSON, 400),
        ("POST", "/predict", "[" * 200_000, JSON, 400),
        ("POST", "/predict", '{"customer": {}}', JSON, 400),
        ("POST", "/nothing", "{}", JSON, 404),
        ("GET", "/predict/more", None, None, 404),
        ("GET", "/predict", None, None, 405),
        ("DELETE", "/", None, None, 405),
        ("POST", "/health", "{}", JSON, 405),
        ("POST", "/predict", '"' + "x" * 7_000_000 + '"', JSON, 413),
        ("POST", "/predict", json.dumps({"customers": [{}] * 10_001}), JSON, 413),
        (
            "POST",
            "/predict",
            "customer=1",
            {"Content-Type": "application/x-www-form-urlencoded"},
            415,
        ),
        ("POST", "/predict", "x", {"Content-Type": "image/png"}, 415),
    ],
)
def test_http_refusals(handler, form, method, path, body, headers, status):
    answer = handler(form(method, path, body, headers))
    got, answer_headers, problem = opened(answer)
    assert (got, answer_headers["Content-Type"]) == (status, "application/problem+json")
    assert (
        problem["status"] == status and problem["title"] and problem["detail"] and problem["errors"]
    )
    assert ("Allow" in answer_headers) == (status == 405)
    if "elb" in json.dumps(answer.get("statusDescription", "")):
        assert answer["statusDescription"].startswith(str(status))


def test_a_load_balancer_gets_the_status_in_words(handler):
    from tests.unit.http_events import alb

    assert handler(alb("GET", "/health"))["statusDescription"] == "200 OK"
    assert handler(alb("GET", "/no"))["statusDescription"] == "404 Not Found"


def test_http_body_that_is_not_base64(handler):
    event = http_api("POST", "/predict", "{}", JSON) | {"body": "%%%", "isBase64Encoded": True}
    assert opened(handler(event))[0] == 400


def test_http_body_that_is_not_utf8(handler):
    event = http_api("POST", "/predict", "{}", JSON) | {"body": "//79", "isBase64Encoded": True}
    assert opened(handler(event))[0] == 400


def test_an_answer_that_lambda_could_not_carry_is_refused(handler):
    strange = {f"{letter}{'é' * 100}": 0 for letter in "abcdefghij"}
    body = json.dumps({"customers": [{**CUSTOMER, **strange}] * 3000}, ensure_ascii=False)
    assert len(body) < 6 * 1024 * 1024
    status, _, problem = opened(handler(http_api("POST", "/predict", body, JSON)))
    assert (status, problem["status"]) == (413, 413)


def test_http_fault_of_ours_tells_a_request_id_and_nothing_else(
    module, handler, monkeypatch, lines
):
    monkeypatch.setattr(module.model, "run", lambda columns: 1 / 0)
    status, _, problem = opened(handler(http_api("POST", "/predict", json.dumps(ONE), JSON)))
    assert status == 500 and problem["request_id"] == "request-1"
    assert "division" not in json.dumps(problem) and "Zero" not in json.dumps(problem)
    [line] = lines()
    assert line["level"] == "ERROR" and line["errors"] == 1
    assert line["tracebacks"][0]["error"] == "ZeroDivisionError" and line["tracebacks"][0]["frames"]


def test_direct_fault_of_ours_reaches_the_caller(module, handler, monkeypatch):
    monkeypatch.setattr(module.model, "run", lambda columns: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        handler(ONE)


def test_http_and_direct_refusals_say_the_same(handler):
    request = {"customer": {"plan": 1, "months": "x"}}
    problem = opened(handler(http_api("POST", "/predict", json.dumps(request), JSON)))[2]
    with pytest.raises(InvalidInput) as refusal:
        handler(request)
    assert problem["detail"] == str(refusal.value)
    assert [error["pointer"] for error in problem["errors"]] == [
        "#/customer/plan",
        "#/customer/months",
    ]


def test_eventbridge_detail_is_the_request(handler, lines):
    event = {
        "version": "0",
        "id": "1",
        "detail-type": "customer changed",
        "source": "crm",
        "detail": ONE,
    }
    assert_answers(handler(event), CUSTOMER)
    [line] = lines()
    assert line["trigger"] == "eventbridge"
    assert_answers(line["answers"][0], CUSTOMER)


def test_eventbridge_bad_detail_raises_so_that_it_is_retried_and_kept(handler):
    with pytest.raises(InvalidInput):
        handler({"detail-type": "x", "source": "y", "detail": {}})


def record(number, body):
    """Return an SQS record with a body."""
    return {
        "messageId": f"message-{number}",
        "eventSource": "aws:sqs",
        "body": body,
        "attributes": {},
    }


def test_sqs_gives_back_the_records_that_failed_alone(handler, lines):
    bodies = [json.dumps(ONE), "not json", json.dumps({"customer": {}}), json.dumps(MANY), "null"]
    answer = handler({"Records": [record(number, body) for number, body in enumerate(bodies)]})
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in (1, 2, 4)]
    }
    [line] = lines()
    assert [answer["message_id"] for answer in line["answers"]] == ["message-0", "message-3"]
    assert (line["predictions"], line["refused"], line["errors"]) == (3, 3, 0)


def test_sqs_fault_of_ours_gives_the_record_back(module, handler, monkeypatch):
    monkeypatch.setattr(module.model, "run", lambda columns: 1 / 0)
    answer = handler({"Records": [record(0, json.dumps(ONE))]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


@pytest.mark.parametrize("records", [[None], [{}], [{"eventSource": "aws:sns", "Sns": {}}]])
def test_records_of_another_service_are_refused(handler, records):
    with pytest.raises(InvalidInput, match="SQS"):
        handler({"Records": records})


def test_step_functions_items_are_answered_in_order_and_in_place(handler):
    answers = handler({"Items": [ONE, {"customer": {}}, MANY]})
    assert_answers(answers[0], CUSTOMER)
    assert answers[1]["status"] == 400 and "customer.plan is missing" in answers[1]["detail"]
    assert len(answers[2]["predictions"]) == 2


def test_log_line(handler, lines):
    handler(MANY)
    [line] = lines()
    assert {
        "request_id",
        "trigger",
        "function",
        "model",
        "version",
        "cold_start",
        "duration_ms",
        "inference_ms",
    } <= line.keys()
    assert (line["request_id"], line["trigger"], line["predictions"], line["level"]) == (
        "request-1",
        "invoke",
        2,
        "INFO",
    )
    assert line["duration_ms"] >= line["inference_ms"] > 0
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in metrics["Metrics"]} >= {
        "duration_ms",
        "inference_ms",
        "predictions",
        "refused",
        "errors",
    }
    assert all(isinstance(line[metric["Name"]], (int, float)) for metric in metrics["Metrics"])
    assert metrics["Dimensions"] == [["function"]] and isinstance(line["_aws"]["Timestamp"], int)


def test_only_the_first_invocation_is_a_cold_start(handler, lines, monkeypatch):
    monkeypatch.setattr("shared.serving.logs._cold", True)
    handler(ONE), handler(ONE)
    assert [line["cold_start"] for line in lines()] == [True, False]


def test_no_customer_data_in_the_log(handler, lines, capsys):
    secret = "jane doe, 5 private road"
    spoiled = {**CUSTOMER, "plan": secret}
    for event in (
        {"customer": spoiled},
        {"customers": [spoiled, {"months": secret}]},
        {"detail-type": "x", "detail": {"customer": spoiled}},
        {
            "Records": [
                record(0, json.dumps({"customer": spoiled})),
                record(1, json.dumps({"customer": {"fee": secret}})),
            ]
        },
        http_api("POST", "/predict", json.dumps({"customer": spoiled}), JSON),
    ):
        try:
            handler(event)
        except InvalidInput as error:
            assert secret not in str(error)  # Lambda logs the message of an exception
        assert secret not in capsys.readouterr().out
