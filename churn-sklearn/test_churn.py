"""Tests of the churn model alone: its quality, its columns, and the refusal of wrong data files.

The file travels with a copy of the folder: keep here the tests of your model.
"""

import csv
import hashlib
import json

import joblib
import pytest

from scripts.project import ROOT
from shared.serving.onnx.model import OnnxModel
from tests.projects.file_server import served
from tests.projects.scripts import run_main

DATA = "shared/data/telco-customer-churn.csv"


@pytest.fixture
def mine(copied, project):
    """The project in the copied checkout, with its model."""
    return copied(project)


def test_quality(project):
    """The lowest quality that a training with the bundled data may have."""
    metadata = project.metadata()
    assert metadata["metrics"].keys() == {"auc", "log_loss", "precision", "recall", "parity"}
    assert metadata["metrics"]["auc"] >= 0.84
    assert 0.05 <= metadata["threshold"] <= 0.95


def test_gradient_boosting_exports_with_parity_too(mine):
    status, output = mine.run("train.py", "--model", "hist-gradient-boosting")
    assert status == 0, output
    status, output = mine.run("export_onnx.py")
    assert status == 0, output
    metrics = OnnxModel(mine.build / "model.onnx").metadata["metrics"]
    assert metrics["parity"] <= 1e-5 and metrics["auc"] >= 0.84


def test_export_writes_nothing_when_the_predictions_differ(mine):
    model = joblib.load(mine.build / "model.joblib")
    # float32 holds this bias only to 0.06. scikit-learn computes with float64, and predicts
    # otherwise.
    model[-1].intercept_ += 1e6 + 0.03
    model[-1].coef_[0, 0] -= 1e6
    joblib.dump(model, mine.build / "model.joblib")
    (mine.build / "model.onnx").unlink(missing_ok=True)
    status, output = mine.run("export_onnx.py")
    assert (
        status == 1 and "differ from the framework's" in output and "nothing was written" in output
    )
    assert "Traceback" not in output
    assert not (mine.build / "model.onnx").exists() and not list(mine.build.glob("tmp*"))


def rows_of(root):
    """The lines of the data file, the names of the columns first, as lists of texts."""
    with (root / DATA).open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("spoil", "messages"),
    [
        (lambda rows: rows[0].__setitem__(4, "months"), ["column tenure is missing"]),
        (
            lambda rows: rows[7].__setitem__(4, "many"),
            ["column tenure, line 8: 'many' is not a number"],
        ),
        (
            lambda rows: [row.__setitem__(17, "1e999") for row in rows[3:6]],
            ["column monthlycharges, line 4: '1e999' is not a number (and 2 more)"],
        ),
        (
            lambda rows: rows[5].__setitem__(19, "maybe"),
            ["column churn, line 6: 'maybe' is not one of no, yes"],
        ),
        (
            lambda rows: [row.__setitem__(19, "no") for row in rows[1:]],
            ["column churn never has the value 'yes'"],
        ),
        (lambda rows: rows.__delitem__(slice(1, None)), ["there are no rows"]),
        (
            lambda rows: rows[0].__setitem__(slice(0, 2), ["a", "b"]),
            ["column gender is missing", "column seniorcitizen is missing"],
        ),
        (
            lambda rows: (rows[2].__setitem__(4, "x"), rows[3].__setitem__(19, "x")),
            ["tenure, line 3", "churn, line 4"],
        ),
    ],
)
def test_a_wrong_data_file_is_refused_with_the_reason(project, tmp_path, spoil, messages):
    """One line for each wrong column, with the first line of the file that is wrong."""
    rows = rows_of(ROOT)
    spoil(rows)
    path = tmp_path / "data.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    status, output = run_main(project.folder / "train.py", "--data", path)
    assert status == 1
    for message in messages:
        assert message in output
    assert output.count("\n") == len(messages)


def test_your_own_data_from_a_url(mine, checkout, tmp_path):
    """New categories reach the schema of the model, and the checksum is that of the file."""
    rows = rows_of(checkout.root)
    for row in rows[1:]:
        row[14] = f"plan of {row[14]}"
    with (tmp_path / "other.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows[:3000])
    with served(tmp_path) as url:
        status, output = mine.run("train.py", "--data", f"{url}/other.csv")
    assert status == 0, output
    metadata = json.loads((mine.build / "metadata.json").read_text())
    assert "plan of two_year" in metadata["input_schema"]["properties"]["contract"]["x-seen"]
    assert (
        metadata["data_sha256"] == hashlib.sha256((tmp_path / "other.csv").read_bytes()).hexdigest()
    )
