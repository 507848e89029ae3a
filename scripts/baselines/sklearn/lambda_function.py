"""model.joblib -> answers: what runs on Lambda without ONNX."""

import json
import os
from pathlib import Path

from shared.serving.events import serve
from shared.serving.logs import count, span
from shared.serving.onnx_common import threads
from shared.serving.tabular import Features, rows_of

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads())  # read when numpy is imported

import joblib
import numpy as np
import pandas as pd

model = joblib.load("model.joblib")
metadata = json.loads(Path("metadata.json").read_text())
features = Features(metadata["input_schema"])
threshold = metadata["threshold"]
# The pipeline chooses its columns by name, for which it needs a table; of these types, as in training.
types = {
    name: object if "string" in rules["type"] else np.float32 for name, rules in metadata["input_schema"]["properties"].items()
}


def predict(request):
    """{"customer": {...}} -> {"churn_probability": 0.66, "churn": true}; {"customers": [...]} -> {"predictions": [...]}."""
    customers, path_of = rows_of(request, one="customer", many="customers")
    columns, warnings = features.read(customers, path_of)
    with span("inference"):
        table = pd.DataFrame({name: np.array(values, types[name]) for name, values in columns.items()})
        probabilities = model.predict_proba(table).tolist()
    answers = [{"churn_probability": churns, "churn": churns >= threshold} for _, churns in probabilities]
    for index, told in warnings.items():
        answers[index]["warnings"] = told
    count("predictions", len(answers))
    return answers[0] if "customer" in request else {"predictions": answers}


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/events.py."""
    return serve(event, context, predict, metadata, many="customers")
