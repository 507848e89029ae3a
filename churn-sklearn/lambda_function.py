"""model.onnx -> answers: what runs on Lambda."""

import os

from shared.serving.app import serve
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel
from shared.serving.tabular import Features, rows_of

# Made once, while Lambda starts the function, and used by every invocation after that.
model = OnnxModel(os.environ.get("MODEL_PATH", "model.onnx"))
features = Features(model.metadata["input_schema"])
threshold = model.metadata["threshold"]


def predict(request):
    """{"customer": {...}} -> {"churn_probability": 0.66, "churn": true}; {"customers": [...]} ->
    {"predictions": [...]}.

    An answer has `warnings` where the model had to extrapolate. Raises InvalidInput for what cannot
    be answered.
    """
    customers, path_of = rows_of(request, one="customer", many="customers")
    columns, warnings = features.read(customers, path_of)
    with timed("inference"):
        probabilities = model.run(columns)["probabilities"]
    answers = [
        {"churn_probability": churns, "churn": churns >= threshold} for _, churns in probabilities
    ]
    for index, messages in warnings.items():
        answers[index]["warnings"] = messages
    count("predictions", len(answers))
    return answers[0] if "customer" in request else {"predictions": answers}


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/app.py."""
    return serve(event, context, predict, model.metadata, many="customers")
