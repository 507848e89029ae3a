"""The image of a tabular project answers as the framework does, with the least memory that a function can have."""

import json

import numpy as np
import pytest

from scripts.invoke import FunctionFailed
from tests.container.conftest import serving
from tests.projects.test_tabular import held_out

LEAST_MEMORY = 128  # MB, the smallest function


@pytest.fixture(scope="module")
def served(tabular_image, tmp_path_factory):
    with serving(tabular_image, LEAST_MEMORY, tmp_path_factory.mktemp("log")) as served:
        yield served


def test_the_answers_are_the_framework_s_for_500_customers(tabular_image, served):
    table, model, features = held_out(tabular_image)
    table = table.sample(500, random_state=0)
    customers = json.loads(table[list(features)].to_json(orient="records", double_precision=6))
    function, _, _ = served
    answers = function({"customers": customers})["predictions"]
    got = np.array([answer["churn_probability"] for answer in answers])
    assert np.abs(got - model.predict_proba(table)[:, 1]).max() <= 1e-5
    threshold = tabular_image.metadata()["threshold"]
    assert [answer["churn"] for answer in answers] == [bool(value >= threshold) for value in got]


def test_ten_thousand_customers_fit_into_the_least_memory(tabular_image, served):
    function, _, _ = served
    customer = json.loads(tabular_image.event_file.read_text())["customer"]
    answers = function({"customers": [customer] * 10_000})["predictions"]
    assert len(answers) == 10_000 and answers[0] == answers[-1] == function({"customer": customer})


def test_a_refusal_comes_through(served):
    function, _, _ = served
    with pytest.raises(FunctionFailed, match=r"InvalidInput: customer\.\w+ is missing"):
        function({"customer": {}})
