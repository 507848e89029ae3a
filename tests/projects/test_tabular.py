"""Training and export of the tabular projects: parity, repeatability, and data that cannot be
read.
"""

import hashlib
import json

import joblib
import numpy as np
import pytest

from scripts.benchmark.examples import Examples
from shared.serving.onnx.model import OnnxModel
from shared.serving.predictions import run
from shared.training.input_schema import features_of
from shared.training.parity import differences, unit_of
from shared.training.tables import load_table
from tests.handlers import answer_to, numbers_of


@pytest.fixture
def mine(copied, tabular):
    """The project in the copied checkout, with its model."""
    return copied(tabular)


def held_out(project):
    """Return the held-out rows as a table, what the framework's model predicts for them, and the
    model's metadata.
    """
    metadata = json.loads((project.folder / "build/metadata.json").read_text())
    path = str(project.folder / "build/held-out.csv")
    features = features_of(metadata["input_schema"])
    table, _ = load_table(path, features, metadata["target"], metadata.get("labels"))
    model = joblib.load(project.folder / "build/model.joblib")
    if "labels" in metadata:
        return table, model.predict_proba(table), metadata
    return table, model.predict(table).reshape(-1, 1), metadata


def test_parity_on_rows_never_seen(tabular):
    table, expected, metadata = held_out(tabular)
    columns = {name: table[name].tolist() for name in metadata["input_schema"]["properties"]}
    actual = np.array(run(OnnxModel(tabular.model_file), columns))
    assert differences(expected, actual, unit_of(metadata, expected)).max() <= 1e-5


def test_the_batches_that_are_timed_are_of_rows_never_seen(tabular):
    """By the handler's own key for a list of rows, which need not be the singular with an s."""
    examples = Examples(tabular, tabular.event_file)
    _, many = tabular.request_keys()
    batch = json.loads(examples.batch(1000))
    table, expected, metadata = held_out(tabular)
    assert (
        list(batch) == [many]
        and len(batch[many]) == 1000
        and len({json.dumps(row) for row in batch[many]}) > min(100, 0.8 * len(table))
    )
    answers = answer_to(tabular, batch)["predictions"][: len(table)]
    actual = np.array([numbers_of(answer, metadata) for answer in answers])
    expected = expected[:1000]
    assert differences(expected, actual, unit_of(metadata, expected)).max() <= 1e-5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(mine):
    def digest(*arguments):
        assert mine.run("train.py", *arguments)[0] == 0
        return hashlib.sha256((mine.build / "model.joblib").read_bytes()).hexdigest(), (
            mine.build / "metadata.json"
        ).read_text()

    first = digest()
    assert digest() == first
    assert digest("--seed", "7") != first


@pytest.mark.parametrize("source", ["no/such/file.csv", "http://127.0.0.1:9/data.csv"])
def test_data_that_cannot_be_read(mine, source):
    status, output = mine.run("train.py", "--data", source)
    assert status == 1 and output.startswith(f"cannot read {source}: ") and output.count("\n") == 1
