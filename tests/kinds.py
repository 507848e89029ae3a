"""Copies of a tabular project, edited as an owner does for other kinds of models: the columns in
train.py, the names in lambda_function.py, and the example.
"""

import csv
import datetime
import json
import random
import re
import statistics

WORDS = {
    "yes": [
        "wonderful",
        "great",
        "lovely",
        "crème",
        "brûlée",
        "tasty",
        "warm",
        "素晴らしい",
        "👍",
        "delicious",
    ],
    "no": ["awful", "cold", "rude", "slow", "stale", "dirty", "broken", "worst", "bland", "İğrenç"],
    "": [
        "the",
        "food",
        "was",
        "and",
        "service",
        "here",
        "we",
        "came",
        "on",
        "monday",
        "with",
        "a",
        "table",
        "for",
        "two",
    ],
}
# The names in a handler, which are edited.
RENAMED = (
    ('"customers"', '"people"'),
    ('"customer"', '"passenger"'),
    ('"churn_probability"', '"risk"'),
    ('"churn"', '"value"'),
)
FEATURES = ("categories", "numbers", "booleans", "dates", "texts")


def wine():
    """Return rows of three classes, and their columns."""
    from sklearn.datasets import load_wine

    data = load_wine(as_frame=True)
    table = data.frame.drop(columns="target")
    labels = list(map(str, data.target_names))
    columns = {"numbers": list(table), "target": "cultivar", "labels": labels}
    table["cultivar"] = data.target_names[data.target]
    return table.to_dict("records"), columns


def diabetes():
    """Return rows with a number to predict, and their columns."""
    from sklearn.datasets import load_diabetes

    table = load_diabetes(as_frame=True, scaled=False).frame
    columns = {"numbers": list(table)[:-1], "target": "target", "labels": None, "unit": "points"}
    return table.to_dict("records"), columns


def reviews():
    """Return rows with a feature of each kind, and their columns."""
    rng = random.Random(1)
    rows = []
    for _ in range(800):
        liked = rng.choice(["yes", "no"])
        words = [rng.choice(WORDS[liked if rng.random() < 0.2 else ""]) for _ in range(20)]
        day = datetime.date(2020, 1, 1) + datetime.timedelta(rng.randrange(1500))
        rows.append(
            {
                "review": " ".join(words).capitalize() + ', "so, so"',
                "city": rng.choice(["Rome", "Lyon"]),
                "verified": rng.choice([True, False]),
                "posted": str(day),
                "stars": rng.randrange(5) + (liked == "yes"),
                "liked": liked,
            }
        )
    columns = {
        **{"texts": ["review"], "categories": ["city"], "booleans": ["verified"]},
        **{"dates": ["posted"], "numbers": ["stars"], "target": "liked", "labels": ["no", "yes"]},
    }
    return rows, columns


def texts():
    """Return rows with a text alone, and their columns."""
    return reviews()[0], {"texts": ["review"], "target": "liked", "labels": ["no", "yes"]}


KINDS = {
    "tabular-classification of three classes": wine,
    "tabular-regression": diabetes,
    "tabular-classification with each kind of feature": reviews,
    "text-classification": texts,
}


def constants(columns):
    """Return the columns as the constants of train.py."""
    every = {**{kind: [] for kind in FEATURES}, "unit": "", **columns}
    return {key.upper(): value for key, value in every.items()}


def example(rows, columns):
    """Return a row with the middle of each number, and the first of other values."""
    names = [name for kind in FEATURES for name in columns.get(kind, [])]
    values = {name: [row[name] for row in rows] for name in names}
    return {
        name: statistics.median_low(found) if name in columns.get("numbers", []) else found[0]
        for name, found in values.items()
    }


def write(path, rows):
    """Write rows to a CSV file. True is written as true."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def edit(path, *pairs):
    """Replace texts in a file, each of which must be there: pairs of before and after."""
    text = path.read_text()
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    path.write_text(text)


def turn_into(folder, rows, columns):
    """Edit a copied folder so that it trains with these rows, and write their file."""
    data = folder.parent / "shared/data/rows.csv"
    write(data, rows)
    train = (folder / "train.py").read_text()
    before = train[train.index("CATEGORIES = ") : train.index("MODELS = ")]
    after = "".join(f"{name} = {value!r}\n" for name, value in constants(columns).items())
    file = re.findall(r"shared/data/([^\"]+)", train)[0]
    edit(folder / "train.py", (before, f"{after}\n"), (file, data.name))
    edit(folder / "lambda_function.py", *RENAMED)
    (folder / "event.json").write_text(json.dumps({"passenger": example(rows, columns)}))
    for test in folder.glob("test_*.py"):
        test.unlink()
