"""Train a scikit-learn model that predicts which customers will leave.

Reads a table of customers; writes build/model.joblib, build/held-out.csv and build/metadata.json.
"""

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# The interpreter in .venv/<this project> finds `shared`, also for an IDE or a notebook: `make` puts
# the checkout on its path.
from shared.training.metadata import library_versions, write_metadata
from shared.training.tables import input_schema, load_table

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"
DATA = FOLDER.parent / "shared/data/telco-customer-churn.csv"

# The columns of the data: features of text, features of numbers, and what to predict.
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

MODELS = ["logistic-regression", "hist-gradient-boosting"]


def make_model(kind, seed):
    """Return an unfitted pipeline: one-hot categories, imputed numbers, a classifier.

    kind: one of MODELS; seed: of the classifier. The pipeline takes a table with all features.
    """
    numbers = SimpleImputer(strategy="median")
    if kind == "logistic-regression":
        numbers = make_pipeline(numbers, StandardScaler())
        classifier = LogisticRegression(max_iter=1000)
    else:
        # Not scaled: trees do not need it, and float32 cannot tell scaled thresholds apart.
        classifier = HistGradientBoostingClassifier(
            learning_rate=0.05, max_leaf_nodes=8, random_state=seed
        )
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((categories, CATEGORIES), (numbers, NUMBERS))
    return make_pipeline(columns, classifier)


def best_threshold(churned, probabilities):
    """Return the probability from which predicting "yes" gives the best F1 score.

    churned: booleans, [rows]; probabilities: of class 1, [rows]. Candidates: 0.05 to 0.95, in
    steps of 0.01.
    """
    candidates = np.arange(5, 96) / 100
    scores = [f1_score(churned, probabilities >= candidate) for candidate in candidates]
    return float(candidates[np.argmax(scores)])


def evaluate(churned, probabilities, threshold):
    """Return the metrics of some predictions by name.

    churned: booleans, [rows]; probabilities: of class 1, [rows].
    """
    predicted = probabilities >= threshold
    return {
        "auc": float(roc_auc_score(churned, probabilities)),
        "log_loss": float(log_loss(churned, probabilities)),
        "precision": float(precision_score(churned, predicted)),
        "recall": float(recall_score(churned, predicted)),
    }


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", default=str(DATA), help="CSV file or URL")
    parser.add_argument(
        "--model", choices=MODELS, default="logistic-regression", help="the classifier"
    )
    parser.add_argument("--seed", type=int, default=42, help="for the split and the classifier")
    return parser.parse_args()


def main():
    args = parse_arguments()

    # Data: 60% to fit, 20% to choose the threshold, 20% to report.
    table, data_sha256 = load_table(args.data, CATEGORIES, NUMBERS, TARGET, LABELS)
    rest, test = train_test_split(
        table, test_size=0.2, stratify=table[TARGET], random_state=args.seed
    )
    fitted, validation = train_test_split(
        rest, test_size=0.25, stratify=rest[TARGET], random_state=args.seed
    )

    # Train
    model = make_model(args.model, args.seed)
    model.fit(fitted, fitted[TARGET] == LABELS[1])
    threshold = best_threshold(
        validation[TARGET] == LABELS[1], model.predict_proba(validation)[:, 1]
    )

    # Evaluate
    metrics = evaluate(test[TARGET] == LABELS[1], model.predict_proba(test)[:, 1], threshold)
    print(
        f"{args.model} on {len(fitted):,} customers, threshold {threshold:.2f} chosen on "
        f"{len(validation):,} others"
    )
    values = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    print(f"on {len(test):,} held-out customers: {values}")

    # Save. metadata.json comes last: its presence means that the training is complete.
    BUILD.mkdir(exist_ok=True)
    joblib.dump(model, BUILD / "model.joblib")
    test.to_csv(BUILD / "held-out.csv", index=False)
    metadata = {
        "task": "tabular-classification",
        "input_schema": input_schema(fitted, CATEGORIES, NUMBERS),
        "target": TARGET,
        "labels": LABELS,
        "threshold": threshold,
        "preprocessing": "in the graph: one-hot categories, median for a missing number",
        "metrics": metrics,
        "trained_with": library_versions("scikit-learn", "numpy", "pandas"),
        "data_sha256": data_sha256,
    }
    write_metadata(BUILD, metadata)
    print(f"wrote {os.path.relpath(BUILD / 'model.joblib')}")


if __name__ == "__main__":
    main()
