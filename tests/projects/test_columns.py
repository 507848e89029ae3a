"""Training on other data in a tabular project: columns of any name, integers and other numbers,
text features with many categories, two classes.
"""

import csv
import importlib
import json
import random

import pytest

from shared.serving.tabular import Features
from tests.checkout import Checkout
from tests.projects.scripts import run_main

ROWS = 300
CATEGORIES = ["a/b", "plan [old]", "Straße, é", "many"]
NUMBERS = ["length (cm)", "x.y", "label", "variable", "0"]
TARGET = "left?"


def rows(labels=("no", "yes")):
    """Made-up rows: the target depends on the length."""
    rng = random.Random(0)
    for number in range(ROWS):
        length = rng.randrange(100)
        texts = [
            rng.choice("ab"),
            rng.choice(["gold", "iron"]),
            rng.choice("xyz"),
            f"name {number}",
        ]
        values = [
            f"{length}.0",
            str(rng.randrange(9)),
            str(rng.random()),
            str(rng.randrange(3)),
            "1",
        ]
        yield [*texts, *values, labels[min(length * len(labels) // 100, len(labels) - 1)]]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Writes a file of such rows."""

    def write(header=(), labels=("no", "yes")):
        path = tmp_path_factory.mktemp("data") / "data.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header or [*CATEGORIES, *NUMBERS, TARGET], *rows(labels)])
        return path

    return write


@pytest.fixture(scope="module")
def folder(tabular, tmp_path_factory):
    """The project's folder in a copy of the checkout."""
    return Checkout(tmp_path_factory.mktemp("columns") / "checkout").root / tabular.name


def run(script, *arguments, **columns):
    """Runs train.py or export_onnx.py as if these columns stood in the file; gives the status and
    the output.
    """
    names = {"CATEGORIES": CATEGORIES, "NUMBERS": NUMBERS, "TARGET": TARGET}
    names |= {"BOOLEANS": [], "DATES": [], "TEXTS": [], "LABELS": ["no", "yes"], "UNIT": ""}
    return run_main(script, *arguments, **{**names, **columns})


@pytest.fixture(scope="module")
def trained(folder, data):
    """The folder with a model of these columns, trained and exported."""
    for script, arguments in (("train.py", ["--data", data()]), ("export_onnx.py", [])):
        status, output = run(folder / script, *arguments)
        assert status == 0, output
    return folder


@pytest.fixture(scope="module")
def schema(trained):
    """Its input schema."""
    return json.loads((trained / "build/metadata.json").read_text())["input_schema"]


@pytest.mark.parametrize("onnx_api", ["c", "python"])
def test_columns_of_any_name_are_served(trained, schema, onnx_api):
    # A name that training never saw, of a feature with too many to list, is no cause for a warning.
    values = dict(zip([*CATEGORIES, *NUMBERS], ["a", "gold", "x", "nobody", 97.5, 3, 0.5, 1, 1]))
    features = Features(schema, row_key="row", batch_key="rows")
    inputs, warnings = features.columns_of({"row": values})
    assert not warnings
    model = importlib.import_module(f"shared.serving.onnx.{onnx_api}").OnnxModel(
        trained / "build/model.onnx"
    )
    [[no, yes]] = model.run(inputs)["probabilities"]
    assert yes > 0.9 > 0.1 > no


def test_a_number_is_whole_where_the_file_writes_it_so(schema):
    kinds = {name: rules["type"] for name, rules in schema["properties"].items()}
    assert {kinds[name] for name in ("x.y", "variable", "0")} == {"integer"}
    assert {kinds[name] for name in ("length (cm)", "label")} == {"number"}


def test_a_feature_of_more_than_100_texts_does_not_list_them(schema):
    assert schema["properties"]["many"] == {"type": "string"}
    assert schema["properties"]["a/b"] == {"type": "string", "x-seen": ["a", "b"]}
    assert b"name 17" not in json.dumps(schema).encode()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"], "and not 1: a"),
        ([], "and not 0: "),
        (["a", "b", "a"], "and not 3: a, b, a"),
        ([0, 1], "the label 0 must be text, as it is in the file: '0'"),
    ],
)
def test_labels_that_are_not_those_of_classes_are_refused(folder, data, labels, message):
    status, output = run(folder / "train.py", "--data", data(labels=["a", "b", "c"]), LABELS=labels)
    assert status == 1 and output.endswith(f"{message}\n") and output.count("\n") == 1


def test_a_column_with_the_name_of_the_output_is_refused(folder, data):
    header = [*CATEGORIES, *NUMBERS[:-1], "probabilities", TARGET]
    status, output = run(
        folder / "train.py", "--data", data(header), NUMBERS=[*NUMBERS[:-1], "probabilities"]
    )
    assert (status, output) == (
        1,
        "a column cannot be called probabilities, as the model's output is: rename it\n",
    )


def test_a_third_class_in_the_data_is_refused(folder, data):
    status, output = run(folder / "train.py", "--data", data(labels=["no", "yes", "maybe"]))
    assert (
        status == 1 and "'maybe' is not one of no, yes (and " in output and output.count("\n") == 1
    )


@pytest.mark.parametrize(
    ("numbers", "header", "message"),
    [
        (
            [*NUMBERS, "x.y"],
            [],
            "column x.y is named twice among the features and the target",
        ),
        (NUMBERS, [*CATEGORIES, *NUMBERS[:-1], "x.y", TARGET], "column x.y is there 2 times"),
    ],
)
def test_a_column_twice_is_refused(folder, data, numbers, header, message):
    status, output = run(folder / "train.py", "--data", data(header), NUMBERS=numbers)
    assert status == 1 and output.splitlines()[-1].endswith(message), output
