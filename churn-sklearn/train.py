"""Train a scikit-learn model that predicts which customers will leave.

Reads a table of customers; writes build/model.joblib, build/held-out.csv and build/metadata.json.
"""

import argparse
import os
from pathlib import Path

import joblib
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# The interpreter in .venv/<this project> finds `shared`, also for an IDE or a notebook: `make` puts
# the checkout on its path.
from shared.training.input_schema import input_schema
from shared.training.metadata import library_versions, write_metadata
from shared.training.tables import load_table, save_table
from shared.training.tabular_scores import best_threshold, evaluate

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"
DATA = FOLDER.parent / "shared/data/telco-customer-churn.csv"

# The columns of the data: features of each kind, and what to predict.
CATEGORIES = [
    "gender",
    "partner",
    "dependents",
    "phoneservice",
    "multiplelines",
    "internetservice",
    "onlinesecurity",
    "onlinebackup",
    "deviceprotection",
    "techsupport",
    "streamingtv",
    "streamingmovies",
    "contract",
    "paperlessbilling",
    "paymentmethod",
]
NUMBERS = ["seniorcitizen", "tenure", "monthlycharges", "totalcharges"]
TARGET = "churn"
LABELS = ["no", "yes"]  # of class 0 and of class 1

# More labels make a model of more classes. Without labels (None), the model predicts a number.
UNIT = ""  # of that number
# Features of other kinds.
BOOLEANS: list[str] = []  # true or false
DATES: list[str] = []  # such as 2024-05-31
TEXTS: list[str] = []  # free text, of which the model counts the words

MODELS = ["linear", "hist-gradient-boosting"]


def make_model(kind, seed):
    """Return an unfitted pipeline: one-hot categories, imputed numbers, words, an estimator.

    kind: one of MODELS; seed: of the estimator. The pipeline takes a table with all features.
    """
    numbers = SimpleImputer(strategy="median")
    if kind == "linear":
        numbers = make_pipeline(numbers, StandardScaler())
        estimator = LogisticRegression(max_iter=1000) if LABELS else Ridge()
    else:
        # Not scaled: trees do not need it, and float32 cannot tell scaled thresholds apart.
        trees = HistGradientBoostingClassifier if LABELS else HistGradientBoostingRegressor
        estimator = trees(learning_rate=0.05, max_leaf_nodes=8, random_state=seed)
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [(categories, CATEGORIES), (numbers, NUMBERS + BOOLEANS + DATES)]
    words = TfidfVectorizer(lowercase=False, max_features=5000)  # load_table has lower-cased them
    texts = [(words, name) for name in TEXTS]
    used = [(transformer, names) for transformer, names in columns if names]
    # Trees take no sparse matrix.
    sparse = 0.3 if kind == "linear" else 0
    together = make_column_transformer(*used, *texts, sparse_threshold=sparse)
    return make_pipeline(together, estimator)


def task():
    """Return the model's task, by which the function and the tests know the kind of model."""
    if not LABELS:
        return "tabular-regression"
    only_texts = not CATEGORIES + NUMBERS + BOOLEANS + DATES
    return "text-classification" if only_texts else "tabular-classification"


def target_of(table):
    """Return the classes by number, or the numbers to predict, of a table's rows."""
    return table[TARGET].map(LABELS.index) if LABELS else table[TARGET]


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", default=str(DATA), help="CSV file or URL")
    parser.add_argument("--model", choices=MODELS, default="linear", help="the estimator")
    parser.add_argument("--seed", type=int, default=42, help="for the split and the estimator")
    return parser.parse_args()


def main():
    args = parse_arguments()

    features = {
        "categories": CATEGORIES,
        "numbers": NUMBERS,
        "booleans": BOOLEANS,
        "dates": DATES,
        "texts": TEXTS,
    }

    # Data: 60% to fit, 20% to choose the threshold between two classes, 20% to report.
    table, data_sha256 = load_table(args.data, features, TARGET, LABELS)
    split = {"random_state": args.seed}
    rest, test = train_test_split(
        table, test_size=0.2, stratify=table[TARGET] if LABELS else None, **split
    )
    fitted, validation = train_test_split(
        rest, test_size=0.25, stratify=rest[TARGET] if LABELS else None, **split
    )

    # Train
    model = make_model(args.model, args.seed)
    predict = model.predict_proba if LABELS else lambda rows: model.predict(rows).reshape(-1, 1)
    model.fit(fitted, target_of(fitted))
    threshold, note = None, ""
    if LABELS and len(LABELS) == 2:
        threshold = best_threshold(target_of(validation), predict(validation))
        note = f", threshold {threshold:.2f} chosen on {len(validation):,} others"

    # Evaluate
    metrics = evaluate(target_of(test), predict(test), threshold)
    print(f"{args.model} on {len(fitted):,} rows{note}")
    values = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    print(f"on {len(test):,} held-out rows: {values}")

    # Save. metadata.json comes last: its presence means that the training is complete.
    BUILD.mkdir(exist_ok=True)
    joblib.dump(model, BUILD / "model.joblib")
    save_table(test, BUILD / "held-out.csv", features)
    metadata = {
        "task": task(),
        "input_schema": input_schema(fitted, features),
        "target": TARGET,
        **({"labels": LABELS} if LABELS else {"unit": UNIT}),
        **({"threshold": threshold} if threshold else {}),
        "preprocessing": "in the graph: one-hot categories, median for a missing number",
        "metrics": metrics,
        "trained_with": library_versions("scikit-learn", "numpy", "pandas"),
        "data_sha256": data_sha256,
    }
    write_metadata(BUILD, metadata)
    print(f"wrote {os.path.relpath(BUILD / 'model.joblib')}")


if __name__ == "__main__":
    main()
