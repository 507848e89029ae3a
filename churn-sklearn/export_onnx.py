"""Convert the scikit-learn model to build/model.onnx, and check that both predict the same.

Reads build/model.joblib, build/held-out.csv and build/metadata.json.
"""

import argparse
import os
import time
from pathlib import Path

import joblib
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.feature_extraction.text import TfidfVectorizer

from shared.training.boosting import convertible
from shared.training.graphs import rename
from shared.training.hard_cases import is_text, with_hard_cases
from shared.training.input_schema import features_of
from shared.training.metadata import read_metadata
from shared.training.parity import save_if_equal
from shared.training.tables import load_table

FOLDER = Path(__file__).resolve().parent
BUILD = FOLDER / "build"
# Versions of the operators, and of those for trees. Any onnxruntime since 1.12 loads them.
OPSETS = {"": 17, "ai.onnx.ml": 3}
# Splits texts into the words that scikit-learn finds.
WORDS = {"tokenexp": r"[\p{L}\p{N}_]{2,}"}


def convert(model, features):
    """Return the pipeline as an ONNX model.

    It has one input [rows, 1] for each feature, and one output: `probabilities` [rows, classes], or
    `prediction` [rows, 1] for a number.
    features: `properties` of the model's input schema.
    """
    column = [None, 1]  # any number of rows
    inputs = [
        (name, StringTensorType(column) if is_text(rules) else FloatTensorType(column))
        for name, rules in features.items()
    ]
    model, is_classifier = convertible(model), hasattr(model, "classes_")
    # Without zipmap=False, probabilities are a list of dicts: slow to make, and not a tensor.
    options: dict[int, dict] = {id(model): {"zipmap": False}} if is_classifier else {}
    for transformer in model[0].named_transformers_.values():
        if isinstance(transformer, TfidfVectorizer):
            options[id(transformer)] = WORDS
    converted = to_onnx(model, initial_types=inputs, options=options, target_opset=OPSETS)
    *label, output = converted.graph.output
    # The converter renames a column such as `length (cm)`: give each input its column's name back.
    names = dict(zip((given.name for given in converted.graph.input), features, strict=True))
    new = "probabilities" if is_classifier else "prediction"
    rename(converted.graph, names | {output.name: new})
    for unused in label:  # the threshold decides, not the larger probability
        converted.graph.output.remove(unused)
    return converted


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    start = time.perf_counter()

    # Read the results of training
    metadata = {"name": FOLDER.name, **read_metadata(BUILD)}
    model = joblib.load(BUILD / "model.joblib")
    features = metadata["input_schema"]["properties"]
    held_out, _ = load_table(
        str(BUILD / "held-out.csv"),
        features_of(metadata["input_schema"]),
        metadata["target"],
        metadata.get("labels"),
    )

    # Convert, compare, save
    rows = with_hard_cases(held_out, features)
    inputs = {name: rows[name].tolist() for name in features}
    path = BUILD / "model.onnx"
    if "labels" in metadata:
        what, expected = "probability", model.predict_proba(rows)
    else:
        what, expected = "prediction", model.predict(rows).reshape(-1, 1)
    difference = save_if_equal(convert(model, features), path, metadata, inputs, expected)
    print(f"largest difference of a {what} on {len(rows):,} rows: {difference:.1g}")
    size, seconds = path.stat().st_size / 1000, time.perf_counter() - start
    print(f"wrote {os.path.relpath(path)}, {size:.1f} kB, in {seconds:.1f} s")


if __name__ == "__main__":
    main()
