"""The image of a tabular project answers as the framework does, with the least memory that a
function can have.
"""

import json

import numpy as np
import pytest

from scripts.local.invoke import FunctionFailed
from tests.container.conftest import serving
from tests.handlers import decision_of, example, probability_of, row_of, with_rows
from tests.projects.test_tabular import held_out

LEAST_MEMORY = 128  # MB, the smallest function


@pytest.fixture(scope="module")
def served(tabular_image, tmp_path_factory):
    """The image under the emulator, with the least memory."""
    with serving(tabular_image, LEAST_MEMORY, tmp_path_factory.mktemp("log")) as served:
        yield served


def test_the_answers_are_the_framework_s_for_500_rows(tabular_image, served):
    table, model, features = held_out(tabular_image)
    table = table.sample(500, random_state=0, replace=len(table) < 500)
    rows = json.loads(table[list(features)].to_json(orient="records", double_precision=6))
    function, _, _ = served
    answers = function(with_rows(tabular_image, rows))["predictions"]
    got = np.array([probability_of(answer) for answer in answers])
    assert np.abs(got - model.predict_proba(table)[:, 1]).max() <= 1e-5
    threshold = tabular_image.metadata()["threshold"]
    assert [decision_of(answer) for answer in answers] == [
        bool(value >= threshold) for value in got
    ]


def test_ten_thousand_rows_fit_into_the_least_memory(tabular_image, served):
    function, _, _ = served
    answers = function(with_rows(tabular_image, [row_of(tabular_image)] * 10_000))["predictions"]
    assert len(answers) == 10_000 and answers[0] == answers[-1]
    answer = function(example(tabular_image))
    assert answers[0] == answer.get("predictions", [answer])[0]


def test_a_refusal_comes_through(tabular_image, served):
    function, _, _ = served
    one, _ = tabular_image.request_keys()
    with pytest.raises(FunctionFailed, match=rf"InvalidInput: {one} must be an object"):
        function({one: None})
