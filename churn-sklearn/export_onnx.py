"""The scikit-learn model -> model.onnx, written only if both give the same probabilities."""

import argparse
import os
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from shared.errors import UserError
from shared.training.graphs import rename
from shared.training.metadata import read_metadata
from shared.training.parity import save_if_equal
from shared.training.tables import load_table

FOLDER = Path(__file__).resolve().parent
BUILD = FOLDER / "build"
OPSET = 17  # any onnxruntime since 1.12 loads it


def convert(model, features):
    """The pipeline as an ONNX model: one input [rows, 1] for each feature, one output
    `probabilities` [rows, classes].

    features: the `properties` of the model's input schema.
    """
    inputs = [
        (
            name,
            StringTensorType([None, 1])
            if "string" in rules["type"]
            else FloatTensorType([None, 1]),
        )
        for name, rules in features.items()
    ]
    # Without zipmap=False the probabilities come as a list of dicts, slow to make and not a tensor.
    converted = to_onnx(model, initial_types=inputs, options={"zipmap": False}, target_opset=OPSET)
    label, probabilities = converted.graph.output
    # The converter renames a column such as `length (cm)`, and the output where a column has its
    # name.
    renamed = dict(zip((given.name for given in converted.graph.input), features, strict=True))
    rename(converted.graph, renamed | {probabilities.name: "probabilities"})
    converted.graph.output.remove(label)  # the threshold decides, not the larger probability
    return converted


def with_hard_cases(held_out, features):
    """The held-out rows and, for each feature, one of them with a category never seen or a missing
    value.
    """
    rows = [held_out]
    for at, (name, rules) in enumerate(features.items()):
        row = held_out.iloc[[at % len(held_out)]].copy()
        row[name] = "never seen in training" if "string" in rules["type"] else np.nan
        rows.append(row)
    nothing = held_out.iloc[[0]].copy()
    for name, rules in features.items():
        nothing[name] = "" if "string" in rules["type"] else np.nan
    return pd.concat([*rows, nothing], ignore_index=True)


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    start = time.perf_counter()
    metadata = {"name": FOLDER.name, **read_metadata(BUILD)}
    features = metadata["input_schema"]["properties"]
    categories = [name for name, rules in features.items() if "string" in rules["type"]]
    numbers = [name for name in features if name not in categories]

    model = joblib.load(BUILD / "model.joblib")
    held_out, _ = load_table(
        str(BUILD / "held-out.csv"), categories, numbers, metadata["target"], metadata["labels"]
    )
    rows = with_hard_cases(held_out, features)
    inputs = {name: rows[name].tolist() for name in features}
    expected = model.predict_proba(rows)
    if expected.shape[1] != 2:
        raise UserError(
            f"the model has {expected.shape[1]} classes: lambda_function.py serves two, so train "
            "with two labels"
        )
    difference = save_if_equal(
        convert(model, features), BUILD / "model.onnx", metadata, inputs, expected
    )

    path = BUILD / "model.onnx"
    print(f"largest difference of a probability on {len(rows):,} rows: {difference:.1g}")
    print(
        f"wrote {os.path.relpath(path)}, {path.stat().st_size / 1000:.1f} kB, in "
        f"{time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    main()
