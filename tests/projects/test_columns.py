"""Data of one's own in a tabular project: columns of any name, whole numbers and others, features of many texts, two classes."""

import csv
import json
import random

import pytest

ROWS = 300
CATEGORIES = ["a/b", "plan [old]", "Straße, é", "many"]
NUMBERS = ["length (cm)", "x.y", "label", "variable", "0"]
TARGET = "left?"
# Runs a script of the project as if these columns stood at the top of its train.py.
PROGRAM = """
import sys
import {script} as script
for name, value in {columns!r}.items():
    setattr(script, name, value)
sys.argv = ["{script}.py", *{arguments!r}]
script.main()
"""


def rows(labels=("no", "yes")):
    """Made-up rows: the target depends on the length."""
    rng = random.Random(0)
    for number in range(ROWS):
        length = rng.randrange(100)
        texts = [rng.choice("ab"), rng.choice(["gold", "iron"]), rng.choice("xyz"), f"name {number}"]
        values = [f"{length}.0", str(rng.randrange(9)), str(rng.random()), str(rng.randrange(3)), "1"]
        yield [*texts, *values, labels[min(length * len(labels) // 100, len(labels) - 1)]]


@pytest.fixture
def data(tmp_path):
    """Writes a file of such rows."""

    def write(header=(), labels=("no", "yes")):
        path = tmp_path / "data.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header or [*CATEGORIES, *NUMBERS, TARGET], *rows(labels)])
        return path

    return write


@pytest.fixture
def run(checkout, tabular):
    """Runs train.py or export_onnx.py of the copied project with other columns; gives the status and the output."""

    def run(script, *arguments, **columns):
        columns = {"CATEGORIES": CATEGORIES, "NUMBERS": NUMBERS, "TARGET": TARGET, "LABELS": ["no", "yes"], **columns}
        program = PROGRAM.format(script=script, columns=columns, arguments=list(map(str, arguments)))
        path = checkout.root / tabular.name / "other_columns.py"
        path.write_text(program)
        return checkout.python(path)

    return run


@pytest.fixture
def schema(run, data, checkout, tabular):
    """The input schema of the model that was trained and exported."""
    for script, arguments in (("train", ["--data", data()]), ("export_onnx", [])):
        status, output = run(script, *arguments)
        assert status == 0, output
    return json.loads((checkout.root / tabular.name / "build/card.json").read_text())["input_schema"]


@pytest.mark.parametrize("runtime", ["c", "python"])
def test_columns_of_any_name_are_served(schema, checkout, tabular, runtime):
    from shared.serving.tabular import Features

    # A name that training never saw, of a feature with too many to list, is no cause for a warning.
    values = dict(zip([*CATEGORIES, *NUMBERS], ["a", "gold", "x", "nobody", 97.5, 3, 0.5, 1, 1]))
    inputs, warnings = Features(schema).read([values], lambda at: (at,))
    assert not warnings
    program = (
        "import json, sys\nfrom shared.serving.onnx_model import OnnxModel\n"
        "print(json.dumps(OnnxModel(sys.argv[1]).run(json.loads(sys.argv[2]))['probabilities']))"
    )
    path = checkout.root / "ask.py"
    path.write_text(program)
    status, output = checkout.python(path, f"{tabular.name}/build/model.onnx", json.dumps(inputs), RUNTIME=runtime)
    assert status == 0, output
    [[no, yes]] = json.loads(output)
    assert yes > 0.9 > 0.1 > no


def test_a_number_is_whole_where_the_file_writes_it_so(schema):
    kinds = {name: rules["type"] for name, rules in schema["properties"].items()}
    assert {kinds[name] for name in ("x.y", "variable", "0")} == {"integer"}
    assert {kinds[name] for name in ("length (cm)", "label")} == {"number"}


def test_a_feature_of_more_than_100_texts_does_not_list_them(schema, checkout, tabular):
    assert schema["properties"]["many"] == {"type": "string"}
    assert schema["properties"]["a/b"] == {"type": "string", "x-seen": ["a", "b"]}
    assert b"name 17" not in json.dumps(schema).encode()


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a", "b", "c"], "there must be two different labels, of class 0 and of class 1, and not 3: a, b, c"),
        (["a"], "there must be two different labels, of class 0 and of class 1, and not 1: a"),
        (["a", "a"], "there must be two different labels, of class 0 and of class 1, and not 2: a, a"),
        ([0, 1], "the label 0 must be text, as it is in the file: '0'"),
    ],
)
def test_other_than_two_labels_are_refused(run, data, labels, told):
    status, output = run("train", "--data", data(labels=["a", "b", "c"]), LABELS=labels)
    assert (status, output) == (1, told + "\n")


def test_a_column_with_the_name_of_the_output_is_refused(run, data):
    header = [*CATEGORIES, *NUMBERS[:-1], "probabilities", TARGET]
    status, output = run("train", "--data", data(header), NUMBERS=[*NUMBERS[:-1], "probabilities"])
    assert (status, output) == (1, "a column cannot be called probabilities, as the model's output is: rename it\n")


def test_a_third_class_in_the_data_is_refused(run, data):
    status, output = run("train", "--data", data(labels=["no", "yes", "maybe"]))
    assert status == 1 and "'maybe' is not one of no, yes (and " in output and output.count("\n") == 1


def test_a_model_of_three_classes_is_refused_by_the_export(run, schema, checkout, tabular):
    """As when fit() is given the column itself instead of whether it has the second label."""
    spoil = (
        "import joblib, pandas\nmodel = joblib.load('build/model.joblib')\n"
        "rows = pandas.read_csv('build/held-out.csv', keep_default_na=False)\n"
        "joblib.dump(model.fit(rows, [number % 3 for number in range(len(rows))]), 'build/model.joblib')\n"
    )
    path = checkout.root / tabular.name / "spoil.py"
    path.write_text(f"import os\nos.chdir({str(path.parent)!r})\n{spoil}")
    status, output = checkout.python(path)
    assert status == 0, output
    status, output = run("export_onnx")
    assert status == 1 and output.startswith("the model has 3 classes: ") and output.count("\n") == 1


@pytest.mark.parametrize(
    ("numbers", "header", "told"),
    [
        ([*NUMBERS, "x.y"], [], "column x.y is named twice among the categories, the numbers and the target"),
        (NUMBERS, [*CATEGORIES, *NUMBERS[:-1], "x.y", TARGET], "column x.y is there 2 times"),
    ],
)
def test_a_column_twice_is_refused(run, data, numbers, header, told):
    status, output = run("train", "--data", data(header), NUMBERS=numbers)
    assert status == 1 and output.splitlines()[-1].endswith(told), output
