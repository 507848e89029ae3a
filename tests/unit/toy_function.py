"""A handler for the toy model, written as in a project: customers in, predictions out."""

import os

from shared.serving.app import Service
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel
from shared.serving.predictions import predictions_of, run
from shared.serving.tabular import Features

model = OnnxModel(os.environ["MODEL_PATH"])
features = Features(model.metadata["input_schema"], row_key="customer", batch_key="customers")


def predict(request):
    """{"customer": {...}} -> {"churn_probability": 0.66, "churn": true}; {"customers": [...]} ->
    {"predictions": [...]}.
    """
    columns, warnings = features.columns_of(request)
    with timed("inference"):
        rows = run(model, columns)
    answers = predictions_of(rows, model.metadata, value="churn", probability="churn_probability")
    for index, message in warnings.items():
        answers[index]["warnings"] = message
    count("predictions", len(answers))
    return answers[0] if "customer" in request else {"predictions": answers}


service = Service(predict, model.metadata, batch_key="customers")


def lambda_handler(event, context):
    """The function's entry point."""
    return service(event, context)
