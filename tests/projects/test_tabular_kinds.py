"""Kinds of models and of features in a tabular project: training, parity, responses, bulk."""

import json
import random
import shutil
from types import SimpleNamespace

import pytest

from scripts.benchmark.spread import largest_difference
from scripts.project import ROOT
from shared.serving.errors import InvalidInput
from shared.serving.sources import s3_objects
from tests.checkout import Checkout
from tests.handlers import CONTEXT, decision_of, load_handler, numbers_of
from tests.kinds import FEATURES, KINDS, RENAMED, constants, edit, example, write
from tests.projects.scripts import run_main
from tests.unit.fake_s3 import FakeS3
from tests.unit.s3_events import notification


def created(key):
    """Return the event of a new object."""
    return {"Records": [notification("ObjectCreated:Put", key)]}


MODELS = ["linear", "hist-gradient-boosting"]


@pytest.fixture(scope="module")
def folders(tabular, tmp_path_factory):
    """Make a copy of the project for a kind, once."""
    checkout = Checkout(tmp_path_factory.mktemp("kinds") / "checkout")
    made: dict = {}

    def folder_of(kind):
        if kind not in made:
            made[kind] = checkout.copy(tabular, f"kind-{len(made)}")
            # Not the project's own handler: its names, and what it derives, are not known.
            shutil.copy(ROOT / "tests/unit/toy_function.py", made[kind] / "lambda_function.py")
            edit(made[kind] / "lambda_function.py", *RENAMED)
        return made[kind]

    return folder_of


def trained(folder, kind, *arguments, rows=None):
    """Train and export. Return the status and the output."""
    found, columns = KINDS[kind]()
    write(folder / "rows.csv", rows or found)
    data = ("--data", folder / "rows.csv")
    status, output = run_main(folder / "train.py", *data, *arguments, **constants(columns))
    if status:
        return status, output
    return run_main(folder / "export_onnx.py")


@pytest.fixture(
    scope="module", params=[(kind, model) for kind in KINDS for model in MODELS], ids=" ".join
)
def served(request, folders):
    """A model of a kind with its handler, its rows and their columns."""
    kind, model = request.param
    folder, (rows, columns) = folders(kind), KINDS[kind]()
    status, output = trained(folder, kind, "--model", model)
    assert status == 0, output
    module = load_handler(folder / "lambda_function.py", folder / "build/model.onnx", "c")
    return SimpleNamespace(
        kind=kind,
        rows=rows,
        columns=columns,
        row=example(rows, columns),
        metadata=module.model.metadata,
        call=lambda event: module.lambda_handler(event, CONTEXT),
    )


def test_the_metadata_says_the_task(served):
    assert served.metadata["task"] == served.kind.split(" ")[0]
    assert served.metadata["metrics"]["parity"] <= 1e-5
    assert served.metadata["trained_with"]


def test_the_response_is_that_of_the_kind(served):
    answer = served.call({"passenger": served.row})
    labels = served.columns["labels"]
    if not labels:
        unit = served.columns["unit"]
        assert answer == {"value": answer["value"], "unit": unit} and 25 < answer["value"] < 346
    elif len(labels) == 2:
        assert decision_of(answer) == (answer["risk"] >= served.metadata["threshold"])
    else:
        assert list(answer) == ["value", "risk", "probabilities"]
        assert answer["risk"] == answer["probabilities"][answer["value"]]
        assert answer["risk"] == max(answer["probabilities"].values())
        assert sum(numbers_of(answer, served.metadata)) == pytest.approx(1)
    batch = served.call({"people": [served.row, served.row]})
    assert batch == {"predictions": [answer, answer]}


def test_every_row_of_a_file_is_scored_as_alone(served, monkeypatch, tmp_path):
    """A CSV file has text only, from which each kind of feature is read."""
    monkeypatch.setattr(s3_objects, "_client", s3 := FakeS3())
    write(tmp_path / "rows.csv", served.rows)
    s3.objects["bucket/input/rows.csv"] = (tmp_path / "rows.csv").read_bytes()
    [counts] = served.call(created("input/rows.csv"))["results"]
    assert (counts["scored"], counts["refused"]) == (len(served.rows), 0)
    lines = s3.objects["bucket/results/input/rows.csv.jsonl"].splitlines()
    names = [name for kind in FEATURES for name in served.columns.get(kind, [])]
    for at in random.Random(0).sample(range(len(lines)), 10):
        row = {name: served.rows[at][name] for name in names}
        found = json.loads(lines[at])
        expected = served.call({"passenger": row})
        assert largest_difference(expected, {key: found[key] for key in expected}) < 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"review": "x" * 10_001}, "review must be text of at most 10,000 characters"),
        ({"review": 1}, "review must be text, not a number"),
        ({"review": "\ud800"}, "review must be text without lone surrogates"),
        ({"verified": 1}, "verified must be true or false, not a number"),
        ({"verified": "true"}, "verified must be true or false, not text"),
        ({"posted": "2024-02-30"}, "posted must be a date such as 2024-05-31, not other text"),
        ({"posted": "20240230"}, "posted must be a date such as 2024-05-31, not other text"),
        ({"posted": 18_000}, "posted must be a date such as 2024-05-31, not a number"),
        ({"posted": None}, "posted is missing"),
        ({"stars": True}, "stars must be a number, not true or false"),
        ({"stars": 2.5}, "stars must be a whole number"),
    ],
)
def test_a_value_of_another_kind_is_refused(mixed, change, message):
    with pytest.raises(InvalidInput, match=f"^passenger.{message}$"):
        mixed.call({"passenger": {**mixed.row, **change}})


@pytest.fixture(scope="module")
def mixed(folders):
    """A model with a feature of each kind."""
    kind = "tabular-classification with each kind of feature"
    folder, (rows, columns) = folders(kind), KINDS[kind]()
    assert trained(folder, kind)[0] == 0
    module = load_handler(folder / "lambda_function.py", folder / "build/model.onnx", "python")
    return SimpleNamespace(
        row=example(rows, columns),
        features=module.features,
        call=lambda event: module.lambda_handler(event, CONTEXT),
    )


def test_values_beyond_those_of_training_are_answered_with_a_warning(mixed):
    row = {**mixed.row, "posted": "1969-12-31", "city": "Oslo"}
    warnings = mixed.call({"passenger": row})["warnings"]
    assert warnings[0] == "city 'Oslo' was not seen in training"
    assert warnings[1].startswith("posted 1969-12-31 is outside of 2020-01-0")
    columns, _ = mixed.features.columns_of({"passenger": row})
    assert columns["posted"] == [-1]


@pytest.mark.parametrize(
    "text", ["", " ", "a", "!", "W" * 10_000, "ab " * 3333, "\0", "👍", "日本"]
)
def test_any_text_is_answered(mixed, text):
    assert "risk" in mixed.call({"passenger": {**mixed.row, "review": text}})


def test_the_most_and_longest_texts_are_answered(mixed):
    """6 MB of texts, the most that Lambda takes."""
    rows = [{**mixed.row, "review": "ab " * 3333}] * 590
    rows += [{**mixed.row, "review": ""}] * (10_000 - len(rows))
    assert len(mixed.call({"people": rows})["predictions"]) == 10_000


def test_missing_values_of_each_kind_are_learned_and_answered(folders):
    kind = "tabular-classification with each kind of feature"
    rows, columns = KINDS[kind]()
    names = [name for kind in FEATURES for name in columns.get(kind, [])]
    rng = random.Random(3)
    for row in rows:
        row[rng.choice(names)] = ""
    folder = folders(kind)
    status, output = trained(folder, kind, rows=rows)
    assert status == 0, output
    module = load_handler(folder / "lambda_function.py", folder / "build/model.onnx", "c")
    none = module.lambda_handler({"passenger": dict.fromkeys(names)}, CONTEXT)
    assert none == module.lambda_handler({"passenger": {}}, CONTEXT)
    assert "warnings" not in none and 0 < none["risk"] < 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("verified", "maybe", "column verified, line 5: 'maybe' is not true or false"),
        (
            "posted",
            "31.5.2024",
            "column posted, line 5: '31.5.2024' is not a date such as 2024-05-31",
        ),
        ("stars", "many", "column stars, line 5: 'many' is not a number"),
        ("review", "x" * 10_001, "a text of more than 10,000 characters: shorten it"),
    ],
)
def test_a_wrong_value_in_the_file_is_named(folders, name, value, message):
    kind = "tabular-classification with each kind of feature"
    rows, _ = KINDS[kind]()
    rows[3][name] = value
    status, output = trained(folders(kind), kind, rows=rows)
    assert status == 1 and output.endswith(f"{message}\n") and output.count("\n") == 1


@pytest.mark.parametrize(("value", "shown"), [("", "''"), ("x", "'x'"), ("inf", "'inf'")])
def test_a_number_to_predict_that_is_none_is_named(folders, value, shown):
    rows, _ = KINDS["tabular-regression"]()
    rows[3]["target"] = value
    status, output = trained(folders("tabular-regression"), "tabular-regression", rows=rows)
    assert status == 1 and output.endswith(f"column target, line 5: {shown} is not a number\n")


@pytest.mark.parametrize("factor", [1e-7, 1, 1e9])
def test_a_number_of_any_size_is_compared_by_its_spread(folders, factor):
    rows, _ = KINDS["tabular-regression"]()
    for row in rows:
        row["target"] *= factor
    folder = folders("tabular-regression")
    status, output = trained(folder, "tabular-regression", rows=rows)
    assert status == 0, output


def test_a_feature_that_the_handler_derives_is_not_asked_for(folders, monkeypatch):
    """It is removed from the schema, so that bulk scoring gives the handler all other columns."""
    folder, (rows, columns) = folders("tabular-regression"), KINDS["tabular-regression"]()
    assert trained(folder, "tabular-regression", rows=rows)[0] == 0
    source = (folder / "lambda_function.py").read_text()
    source = source.replace(
        "features = Features(",
        'schema = model.metadata["input_schema"]\n'
        'del schema["properties"]["bp"]\nschema["required"].remove("bp")\nfeatures = Features(',
    ).replace(
        '    with timed("inference"):',
        '    columns["bp"] = [2 * bmi for bmi in columns["bmi"]]\n    with timed("inference"):',
    )
    derived = folder / "derived.py"
    derived.write_text(source)
    model = folder / "build/model.onnx"
    plain = load_handler(folder / "lambda_function.py", model, "c")
    module = load_handler(derived, model, "c")
    row = example(rows, columns)
    expected = plain.predict({"passenger": {**row, "bp": 2 * row["bmi"]}})
    del row["bp"]
    assert module.predict({"passenger": row})["value"] == expected["value"]
    monkeypatch.setattr(s3_objects, "_client", s3 := FakeS3())
    s3.objects["bucket/input/rows.jsonl"] = json.dumps({**row, "id": 7}).encode()
    module.lambda_handler(created("input/rows.jsonl"), CONTEXT)
    [line] = s3.objects["bucket/results/input/rows.jsonl.jsonl"].splitlines()
    assert json.loads(line) == {"id": 7, **module.predict({"passenger": row})}
