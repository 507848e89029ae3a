"""Prepare gradient-boosted trees for sklearn-onnx, so that float32 decides as float64 does."""

from __future__ import annotations

import copy
import importlib
import re
import sys
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from shared.errors import UserError

# Estimators whose converters are in onnxmltools: package -> name there, module and function.
CONVERTERS = {
    "xgboost": ("XGBoost", "xgboost.operator_converters.XGBoost", "convert_xgboost"),
    "lightgbm": ("LightGbm", "lightgbm.operator_converters.LightGbm", "convert_lightgbm"),
}
# Bits of `decision_type` in LightGBM's model files: include/LightGBM/tree.h of version 4.
CATEGORICAL, DEFAULT_LEFT, MISSING = 1, 2, 12
SPLITS = re.compile(r"^threshold=(.*)\ndecision_type=(.*)$", re.MULTILINE)


def convertible(model: Any) -> Any:
    """Return a copy of a fitted pipeline that sklearn-onnx converts to an equal ONNX model.

    An ONNX tree compares float32 numbers. The converters of HistGradientBoosting and LightGBM
    round a threshold to the nearest float32; if that is above the threshold, an input between the
    two changes sides. So the thresholds are rounded down first. That changes no decision on float32
    inputs. XGBoost's thresholds are float32 already.
    model: a pipeline, or an estimator alone. Other estimators stay as they are.
    Raises UserError if the estimator's converter is not installed.
    """
    model = copy.deepcopy(model)
    estimator = model[-1] if hasattr(model, "steps") else model
    package = type(estimator).__module__.partition(".")[0]
    if package in CONVERTERS:
        _register(type(estimator), package)
    if package == "lightgbm":
        lightgbm = sys.modules[package]  # imported already, because the estimator is of it
        text = floored(estimator.booster_.model_to_string())
        estimator._Booster = lightgbm.Booster(model_str=text)
    for trees in getattr(estimator, "_predictors", ()):  # HistGradientBoosting's
        for tree in trees:
            tree.nodes["num_threshold"] = floor(tree.nodes["num_threshold"])
    return model


def floor(values: np.ndarray) -> np.ndarray:
    """Return the largest float32 numbers that are not above some float64 numbers, as float64."""
    with np.errstate(over="ignore"):  # a threshold beyond float32 is infinite there
        nearest = values.astype(np.float32)
        below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > values, below, nearest).astype(np.float64)


def floored(text: str) -> str:
    """Return LightGBM's text of a model with each numeric threshold rounded down to float32.

    Without missing values in training, LightGBM reads NaN as 0. The converter sends NaN where the
    bit DEFAULT_LEFT says, so that bit is set to what 0 does.
    """
    # The sizes of the trees in bytes would be wrong now; LightGBM loads a file without them.
    return SPLITS.sub(_floored_splits, re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE))


def _floored_splits(found: re.Match) -> str:
    """Return the thresholds and decision types of one tree: see `floored`."""
    thresholds = np.array(found[1].split(), np.float64)
    kinds = np.array(found[2].split(), np.int64)
    numeric = kinds & CATEGORICAL == 0
    thresholds[numeric] = floor(thresholds[numeric])
    never_missing = numeric & (kinds & MISSING == 0)
    left = np.where(thresholds >= 0, DEFAULT_LEFT, 0)
    kinds[never_missing] = (kinds & ~DEFAULT_LEFT | left)[never_missing]
    values = " ".join(map(repr, thresholds.tolist()))
    return f"threshold={values}\ndecision_type={' '.join(map(str, kinds))}"


def _register(kind: type, package: str) -> None:
    """Tell sklearn-onnx how to convert an estimator of another package."""
    name, module, function = CONVERTERS[package]
    try:
        converter = getattr(importlib.import_module(f"onnxmltools.convert.{module}"), function)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{kind.__name__} needs {error.name} for its export: add onnxmltools to "
            "requirements-train.in, then `make lock`"
        ) from None
    classifier = hasattr(kind, "predict_proba")
    update_registered_converter(
        kind,
        f"{name}{kind.__name__}",
        calculate_linear_classifier_output_shapes
        if classifier
        else calculate_linear_regressor_output_shapes,
        converter,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]} if classifier else {},
    )
