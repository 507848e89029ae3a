"""Customers, and whether they left -> a scikit-learn model that tells who will leave next."""

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from shared.training.metadata import library_versions, write_metadata
from shared.training.tables import input_schema, load_table

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"
DATA = FOLDER.parent / "shared/data/telco-customer-churn.csv"

# The data: a column of each name, and the column to predict with the label of class 0 and of class
# 1.
CATEGORIES = [
    "gender",
    "partner",
    "dependents",
    "phoneservice",
    "multiplelines",
    "internetservice",
    "onlinesecurity",
]
CATEGORIES += ["onlinebackup", "deviceprotection", "techsupport", "streamingtv", "streamingmovies"]
CATEGORIES += ["contract", "paperlessbilling", "paymentmethod"]
NUMBERS = ["seniorcitizen", "tenure", "monthlycharges", "totalcharges"]
TARGET, LABELS = "churn", ["no", "yes"]

MODELS = {
    "logistic-regression": lambda seed: LogisticRegression(max_iter=1000),
    "hist-gradient-boosting": lambda seed: HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=8, random_state=seed
    ),
}


def make_model(kind, seed):
    """The pipeline: one-hot categories and imputed numbers, then the classifier `kind`."""
    numbers = make_pipeline(SimpleImputer(strategy="median"))
    if kind == "logistic-regression":
        numbers.steps.append(
            ("scale", StandardScaler())
        )  # a tree would meet scaled thresholds that float32 cannot tell apart
    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
            ("numbers", numbers, NUMBERS),
        ]
    )
    return make_pipeline(columns, MODELS[kind](seed))


def best_threshold(churned, probability):
    """The probability from which to say "yes" for the best F1 score, in steps of 0.01."""
    candidates = np.arange(5, 96) / 100
    scores = [f1_score(churned, probability >= candidate) for candidate in candidates]
    return float(candidates[int(np.argmax(scores))])


def evaluate(churned, probability, threshold):
    """Metrics of probabilities, [rows], against the truth."""
    return {
        "auc": float(roc_auc_score(churned, probability)),
        "log_loss": float(log_loss(churned, probability)),
        "precision": float(precision_score(churned, probability >= threshold)),
        "recall": float(recall_score(churned, probability >= threshold)),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", default=str(DATA), help="CSV file or URL")
    parser.add_argument(
        "--model", choices=MODELS, default="logistic-regression", help="the classifier"
    )
    parser.add_argument("--seed", type=int, default=42, help="for the split and the classifier")
    args = parser.parse_args()

    table, data_sha256 = load_table(args.data, CATEGORIES, NUMBERS, TARGET, LABELS)
    churned = (table[TARGET] == LABELS[1]).to_numpy()
    # 60% to fit, 20% to choose the threshold, 20% to report.
    fitted, test = train_test_split(table, test_size=0.2, stratify=churned, random_state=args.seed)
    fitted, validation = train_test_split(
        fitted, test_size=0.25, stratify=fitted[TARGET], random_state=args.seed
    )

    model = make_model(args.model, args.seed)
    model.fit(fitted, fitted[TARGET] == LABELS[1])
    threshold = best_threshold(
        validation[TARGET] == LABELS[1], model.predict_proba(validation)[:, 1]
    )
    metrics = evaluate(test[TARGET] == LABELS[1], model.predict_proba(test)[:, 1], threshold)

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

    print(
        f"{args.model} on {len(fitted):,} customers, threshold {threshold:.2f} chosen on "
        f"{len(validation):,} others"
    )
    print(
        f"on {len(test):,} held-out customers: "
        + ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    )
    print(f"wrote {os.path.relpath(BUILD / 'model.joblib')}")


if __name__ == "__main__":
    main()
