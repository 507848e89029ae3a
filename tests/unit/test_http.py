"""HTTP beyond a request and its response: methods, base paths, unusual headers."""

import json

import pytest

from tests.unit.http_events import FORMS, http_api, opened, rest_api
from tests.unit.toy import CUSTOMER

JSON = {"Content-Type": "application/json"}
BODY = json.dumps({"customer": CUSTOMER})


def headers_of(answer):
    """Return the headers of an HTTP response, by name."""
    return answer.get("headers") or {
        name: value for name, [value] in answer["multiValueHeaders"].items()
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/", "/health", "/schema", "/nothing"])
def test_head_is_answered_as_get_without_the_body(handler, form, path):
    got, head = (handler(form(method, path)) for method in ("GET", "HEAD"))
    assert head == {**got, "body": ""} and got["body"]
    assert (head["statusCode"] == 200) == (path != "/nothing")


@pytest.mark.parametrize("form", FORMS)
def test_head_is_refused_where_there_is_no_get(handler, form):
    answer = handler(form("HEAD", "/predict"))
    assert (answer["statusCode"], answer["body"], headers_of(answer)["Allow"]) == (
        405,
        "",
        "POST, OPTIONS",
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("path", "allowed"), [("/", "GET, HEAD, POST, OPTIONS"), ("/health", "GET, HEAD, OPTIONS")]
)
def test_options_names_the_methods(handler, form, path, allowed):
    answer = handler(form("OPTIONS", path))
    assert (answer["statusCode"], answer["body"], headers_of(answer)) == (
        204,
        "",
        {"Allow": allowed},
    )
    assert answer.get("statusDescription", "204 No Content") == "204 No Content"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("base", ["/models/churn", "models/churn/", " /models/churn "])
def test_base_path(handler, form, monkeypatch, base):
    def status(method, path):
        return handler(form(method, path, BODY, JSON))["statusCode"]

    assert status("POST", "/models/churn/predict") == 404
    monkeypatch.setenv("BASE_PATH", base)
    assert (
        status("POST", "/models/churn/predict")
        == status("POST", "/models/churn")
        == status("POST", "/models/churn/")
        == 200
    )
    assert (
        status("GET", "/models/churn/health") == status("GET", "/health") == 200
    )  # a health check goes to the target itself
    assert status("POST", "/models/churned/predict") == status("POST", "/models") == 404


def test_the_base_path_of_a_custom_domain_is_not_part_of_the_route(handler):
    greedy = {"resource": "/{proxy+}", "pathParameters": {"proxy": "predict"}}
    assert opened(handler(rest_api("POST", "/churn/predict", BODY, JSON) | greedy))[0] == 200
    assert (
        opened(handler(rest_api("POST", "/churn/predict", BODY, JSON) | {"resource": "/predict"}))[
            0
        ]
        == 200
    )
    mounted = {
        "resource": "/models/{which}/{proxy+}",
        "pathParameters": {"which": "a", "proxy": "health"},
    }
    assert opened(handler(rest_api("GET", "/models/a/health") | mounted))[0] == 200
    assert (
        opened(
            handler(http_api("POST", "/churn/predict", BODY, JSON) | {"routeKey": "POST /predict"})
        )[0]
        == 200
    )
    greedy = {"routeKey": "ANY /models/{proxy+}", "pathParameters": {"proxy": "schema"}}
    assert opened(handler(http_api("GET", "/models/schema") | greedy))[0] == 200
    assert (
        opened(
            handler(
                http_api("GET", "/models/nothing")
                | {**greedy, "pathParameters": {"proxy": "nothing"}}
            )
        )[0]
        == 404
    )
    assert (
        opened(handler(http_api("GET", "/health") | {**greedy, "pathParameters": None}))[0] == 200
    )


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"content-type": None}},
        {"headers": None},
        {"headers": []},
        {"headers": {}, "multiValueHeaders": {"content-type": []}},
        {"headers": {}, "multiValueHeaders": {"content-type": None}},
        {"headers": {}, "multiValueHeaders": []},
        {
            "headers": {"x": None, "content-type": "application/json"},
            "multiValueHeaders": {"x": []},
        },
        {"headers": {"content-type": 5}},
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_headers_without_a_value_are_taken_for_none(handler, form, change):
    assert opened(handler(form("POST", "/predict", BODY, JSON) | change))[0] == 200


@pytest.mark.parametrize("body", [5, {"customer": {}}, [BODY], True])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_that_is_no_text_is_refused(handler, body, encoded):
    status, _, problem = opened(
        handler(http_api("POST", "/", None, JSON) | {"body": body, "isBase64Encoded": encoded})
    )
    assert (status, problem["detail"]) == (400, "the request must have a body of text")
