"""model.joblib in the place of shared/serving/onnx/model.py: what the project's handler runs
without ONNX.
"""

import json
import os
from pathlib import Path

from shared.serving.onnx.common import threads
from shared.serving.tabular import feature_kind

# Read when numpy is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads())

import joblib
import numpy as np
import pandas as pd


class OnnxModel:
    """The pipeline. path: where model.onnx would be, beside its file and the metadata."""

    def __init__(self, path: str) -> None:
        self._pipeline = joblib.load(Path(path).with_suffix(".joblib"))
        self.metadata = json.loads(Path(path).with_name("metadata.json").read_text())
        # The pipeline chooses its columns by name, for which it needs a table; of these types, as
        # in training.
        features = self.metadata["input_schema"]["properties"]
        self._types = {
            name: object if feature_kind(rules) in ("string", "text") else np.float32
            for name, rules in features.items()
        }

    def run(self, inputs: dict) -> dict[str, list]:
        """Return probabilities, [rows, classes], or numbers, [rows, 1], for a list of values for
        each feature.
        """
        table = pd.DataFrame(
            {name: np.array(values, self._types[name]) for name, values in inputs.items()}
        )
        if "labels" not in self.metadata:
            return {"prediction": self._pipeline.predict(table).reshape(-1, 1).tolist()}
        return {"probabilities": self._pipeline.predict_proba(table).tolist()}
