"""The image of a tabular project answers as the framework does, with the least memory that a
function can have.
"""

import json

import numpy as np
import pytest

from scripts.benchmark.examples import Examples
from scripts.local.invoke import FunctionFailed
from shared.serving.sources.http_events import MOST_BYTES
from shared.training.parity import differences, unit_of
from tests.container.conftest import serving
from tests.handlers import decision_of, example, numbers_of, row_of, with_rows
from tests.projects.test_tabular import held_out

LEAST_MEMORY = 128  # MB, the smallest function


@pytest.fixture(scope="module")
def served(tabular_image, tmp_path_factory):
    """The image under the emulator, with the least memory."""
    with serving(tabular_image, LEAST_MEMORY, tmp_path_factory.mktemp("log")) as served:
        yield served


def test_the_answers_are_the_framework_s_for_500_rows(tabular_image, served):
    table, expected, metadata = held_out(tabular_image)
    batch = json.loads(Examples(tabular_image, tabular_image.event_file).batch(500))
    function, _, _ = served
    answers = function(batch)["predictions"]
    expected = expected[np.arange(500) % len(table)]
    got = np.array([numbers_of(answer, metadata) for answer in answers])
    assert differences(expected, got, unit_of(metadata, expected)).max() <= 1e-5
    if "threshold" in metadata:
        assert [decision_of(answer) for answer in answers] == [
            bool(yes >= metadata["threshold"]) for _, yes in got
        ]


def test_ten_thousand_rows_fit_into_the_least_memory(tabular_image, served):
    function, _, _ = served
    row = row_of(tabular_image)
    count = min(10_000, MOST_BYTES // (len(json.dumps(row)) + 2) - 1)
    answers = function(with_rows(tabular_image, [row] * count))["predictions"]
    assert len(answers) == count and answers[0] == answers[-1]
    answer = function(example(tabular_image))
    assert answers[0] == answer.get("predictions", [answer])[0]


def test_a_refusal_comes_through(tabular_image, served):
    function, _, _ = served
    one, _ = tabular_image.request_keys()
    with pytest.raises(FunctionFailed, match=rf"InvalidInput: {one} must be an object"):
        function({one: None})
