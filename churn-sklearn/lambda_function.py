"""Answer requests with model.onnx: the function that runs on Lambda."""

import os

from shared.serving.app import Service
from shared.serving.logs import count, timed
from shared.serving.onnx.model import OnnxModel
from shared.serving.predictions import predictions_of, run
from shared.serving.tabular import Features

# Made once, while Lambda starts the function, and used by every invocation after that.
model = OnnxModel(os.environ.get("MODEL_PATH", "model.onnx"))
features = Features(model.metadata["input_schema"], row_key="customer", batch_key="customers")


def predict(request: dict) -> dict:
    """Predict for {"customer": {…}} or {"customers": [{…}, …]}.

    Returns {"churn_probability": 0.66, "churn": true}, or {"predictions": [{…}, …]}. A prediction
    outside of the training data has `warnings`. Raises InvalidInput.
    """
    columns, warnings = features.columns_of(request)
    with timed("inference"):
        rows = run(model, columns)
    predictions = predictions_of(
        rows, model.metadata, value="churn", probability="churn_probability"
    )
    for index, messages in warnings.items():
        predictions[index]["warnings"] = messages
    count("predictions", len(predictions))
    return predictions[0] if "customer" in request else {"predictions": predictions}


service = Service(predict, model.metadata, batch_key="customers")


def lambda_handler(event: dict, context: object) -> object:
    """Respond to an event from any source: see shared/serving/app.py."""
    return service(event, context)
