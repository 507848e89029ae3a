"""Validation of rows: it names each mistake, refuses nothing else, and no input causes another
error.
"""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.serving.errors import InvalidInput, shortened
from shared.serving.tabular import Features
from tests.unit.http_events import http_api, opened
from tests.unit.json_values import json_values
from tests.unit.toy import CUSTOMER, SCHEMA, probability

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plan": None}, "customer.plan is missing"),
        ({"plan": 3}, "customer.plan must be text, not a number"),
        ({"plan": True}, "customer.plan must be text, not true or false"),
        ({"plan": ["gold"]}, "customer.plan must be text, not a list"),
        ({"plan": "\ud800"}, "customer.plan must be text without lone surrogates"),
        ({"months": "3"}, "customer.months must be a number, not text"),
        ({"months": False}, "customer.months must be a number, not true or false"),
        ({"months": {}}, "customer.months must be a number, not an object"),
        ({"months": math.nan}, "customer.months must be a number, not NaN or infinity"),
        ({"fee": math.inf}, "customer.fee must be a number, not NaN or infinity"),
        ({"fee": -math.inf}, "customer.fee must be a number, not NaN or infinity"),
        ({"months": 2.5}, "customer.months must be a whole number"),
        ({"months": -1}, "customer.months must be between 0 and 790"),
        ({"fee": 1e308}, "customer.fee must be between 0 and 1320.5"),
        ({"months": 10**400}, "customer.months must be between 0 and 790"),
        (
            {"plan": 1, "months": "x"},
            "customer.plan must be text, not a number; customer.months must be a number, not text",
        ),
    ],
)
def test_each_fault_has_its_message(handler, change, message):
    with pytest.raises(InvalidInput) as refusal:
        handler({"customer": {**CUSTOMER, **change}})
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "the request must have either customer or customers"),
        ([], "the request must be an object with customer or customers, not a list"),
        (None, "the request must be an object with customer or customers, not null"),
        ("x", "the request must be an object with customer or customers, not text"),
        (
            {"customer": CUSTOMER, "customers": [CUSTOMER]},
            "the request must have either customer or customers",
        ),
        ({"customer": CUSTOMER, "debug": 1}, "a key is not known: send customer or customers"),
        ({"customer": [CUSTOMER]}, "customer must be an object, not a list"),
        ({"customers": CUSTOMER}, "customers must be a list with at least one row"),
        ({"customers": []}, "customers must be a list with at least one row"),
        ({"customers": [CUSTOMER, 3]}, "customers[1] must be an object, not a number"),
        (
            {"customers": [CUSTOMER, {**CUSTOMER, "fee": ""}]},
            "customers[1].fee must be a number, not text",
        ),
    ],
)
def test_each_wrong_request_has_its_message(handler, request_, message):
    with pytest.raises(InvalidInput) as refusal:
        handler(request_)
    assert str(refusal.value) == message


def test_many_faults_are_counted_after_the_first_twenty(handler):
    with pytest.raises(InvalidInput, match=r"customers\[9\]\.months is missing; and 180 more$"):
        handler({"customers": [{}] * 100})


@pytest.mark.parametrize("absent", [{"fee": None}, {"region": None}])
def test_what_training_lacked_may_be_missing(handler, absent):
    left_out = {name: value for name, value in CUSTOMER.items() if name not in absent}
    expected = pytest.approx(probability(left_out), abs=1e-6)
    for customer in ({**CUSTOMER, **absent}, left_out):
        answer = handler({"customer": customer})
        assert answer["churn_probability"] == expected and "warnings" not in answer


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"plan": "silver"}, "plan 'silver' was not seen in training"),
        ({"plan": "gold\0"}, "plan 'gold\\x00' was not seen in training"),
        ({"region": "x" * 100}, f"region '{'x' * 39}…' was not seen in training"),
        ({"months": 73}, "months 73 is outside of 0 to 72, which training saw"),
        ({"fee": 5}, "fee 5 is outside of 18.5 to 118.75, which training saw"),
        ({"fees": 70}, "fees is not a feature of this model and was ignored"),
    ],
)
def test_what_training_did_not_see_is_answered_with_a_warning(handler, change, warning):
    customer = {**CUSTOMER, **change}
    answer = handler({"customer": customer})
    assert answer["warnings"] == [warning]
    assert answer["churn_probability"] == pytest.approx(probability(customer), abs=1e-6)
    batch = handler({"customers": [CUSTOMER, customer]})["predictions"]
    assert "warnings" not in batch[0] and batch[1] == answer


def test_whole_numbers_may_be_written_with_a_point(handler):
    assert handler({"customer": {**CUSTOMER, "months": 3.0}}) == handler({"customer": CUSTOMER})


def test_a_long_text_is_cut_before_anything_else_is_done_with_it():
    class Long(str):
        def encode(self, *arguments):
            raise AssertionError("all of it was encoded")

    assert shortened(Long("\ud800" + "x" * 1000)) == "?" + "x" * 38 + "…"
    assert shortened("\ud800é") == "?é"


ANYTHING = json_values(10**400, "basic", "\ud800", "", 1e39)
FEATURE = {
    "plan": st.sampled_from(["basic", "gold"]) | ANYTHING,
    "region": st.sampled_from(["north", "south"]) | ANYTHING,
    "months": st.integers(0, 72) | ANYTHING,
    "fee": st.floats(18.5, 118.75) | ANYTHING,
}
CUSTOMERS = st.fixed_dictionaries({}, optional={**FEATURE, "extra": ANYTHING}) | ANYTHING
REQUESTS = (
    st.fixed_dictionaries({"customer": CUSTOMERS})
    | st.fixed_dictionaries({"customers": st.lists(CUSTOMERS, max_size=4)})
    | st.fixed_dictionaries(
        {},
        optional={"customer": CUSTOMERS, "customers": ANYTHING, "Items": ANYTHING, "x": ANYTHING},
    )
    | ANYTHING
)


@settings(max_examples=100, deadline=None)  # on each of the two ways to run a model
@given(request=REQUESTS)
def test_direct_invokes_are_answered_or_refused(handler, request):
    try:
        answer = handler(request)
    except InvalidInput as refusal:
        assert str(refusal)
    else:
        json.dumps(answer, allow_nan=False).encode()


@settings(max_examples=100, deadline=None)
@given(request=REQUESTS)
def test_http_requests_never_give_a_5xx(handler, request):
    status, _, body = opened(handler(http_api("POST", "/predict", json.dumps(request), JSON)))
    assert status == 200 or (400 <= status < 500 and body["detail"])


@settings(max_examples=100, deadline=None)
@given(body=st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_http_bodies_of_any_text_never_give_a_5xx(handler, body):
    assert opened(handler(http_api("POST", "/predict", body, JSON)))[0] < 500


@settings(max_examples=50, deadline=None)
@given(
    customers=st.lists(
        st.fixed_dictionaries({name: FEATURE[name] for name in SCHEMA["properties"]}),
        min_size=1,
        max_size=5,
    )
)
def test_a_batch_is_answered_as_its_customers_one_by_one(handler, customers):
    def answer(request):
        try:
            return handler(request)
        except InvalidInput:
            return None

    alone = [answer({"customer": customer}) for customer in customers]
    batch = answer({"customers": customers})
    assert batch == (None if None in alone else {"predictions": alone})


def test_a_schema_of_one_feature():
    rules = {"type": "integer", "minimum": 0, "maximum": 100, "x-seen": [1, 9]}
    schema = {"properties": {"months": rules}, "required": ["months"]}
    features = Features(schema, row_key="customer", batch_key="customers")
    columns, warnings = features.columns_of(
        {"customers": [{"months": 3}, {"months": 12}, {"months": 0, "plan": 1}]}
    )
    assert columns == {"months": [3, 12, 0]}
    assert {at: len(messages) for at, messages in warnings.items()} == {1: 1, 2: 2}
    with pytest.raises(InvalidInput, match=r"^customers\[0\].months is missing$"):
        features.columns_of({"customers": [{}]})
