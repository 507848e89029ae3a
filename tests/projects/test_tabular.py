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
from shared.training.tables import load_table
from tests.handlers import answer_to, probability_of


@pytest.fixture
def mine(copied, tabular):
    """The project in the copied checkout, with its model."""
    return copied(tabular)


def held_out(project):
    """The held-out rows as a table, and the framework's model."""
    metadata = json.loads((project.folder / "build/metadata.json").read_text())
    features = metadata["input_schema"]["properties"]
    categories = [name for name, rules in features.items() if "string" in rules["type"]]
    numbers = [name for name in features if name not in categories]
    path = str(project.folder / "build/held-out.csv")
    table, _ = load_table(path, categories, numbers, metadata["target"], metadata["labels"])
    return table, joblib.load(project.folder / "build/model.joblib"), features


def test_parity_on_rows_never_seen(tabular):
    table, model, features = held_out(tabular)
    onnx = OnnxModel(tabular.model_file)
    answers = onnx.run({name: table[name].tolist() for name in features})["probabilities"]
    assert np.abs(np.array(answers) - model.predict_proba(table)).max() <= 1e-5


def test_the_batches_that_are_timed_are_of_rows_never_seen(tabular):
    """By the handler's own key for a list of rows, which need not be the singular with an s."""
    examples = Examples(tabular, tabular.event_file)
    _, many = tabular.request_keys()
    batch = json.loads(examples.batch(1000))
    assert (
        list(batch) == [many]
        and len(batch[many]) == 1000
        and len({json.dumps(row) for row in batch[many]}) > 100
    )
    answers = answer_to(tabular, batch)["predictions"]
    table, model, _ = held_out(tabular)
    table = table.iloc[:1000]
    assert (
        np.abs(
            [probability_of(answer) for answer in answers][: len(table)]
            - model.predict_proba(table)[:, 1]
        ).max()
        <= 1e-5
    )


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
