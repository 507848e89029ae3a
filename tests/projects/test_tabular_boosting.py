"""Gradient-boosted trees: their thresholds in float32, and the converters of other packages."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from shared.errors import UserError
from shared.serving.onnx.model import OnnxModel
from shared.training.boosting import convertible, floor, floored

singles = st.floats(width=32, allow_nan=False)
doubles = st.floats(allow_nan=False)


@given(threshold=doubles, given=singles)
def test_no_float32_number_changes_sides(threshold, given):
    [rounded] = floor(np.array([threshold]))
    with np.errstate(over="ignore"):
        assert float(np.float32(rounded)) == rounded
    assert (given <= threshold) == (given <= rounded)


def adjacent(count=200):
    """Rows of two neighboring float32 numbers with a threshold between them, and their classes.

    The middle of the two rounds up: without floor(), both would be on one side.
    """
    low = np.float32(1 + 2**-23)
    high = np.nextafter(low, np.float32(2))
    assert np.float32((float(low) + float(high)) / 2) == high
    return np.tile(np.array([[low], [high]]), (count, 1)), np.tile([0, 1], count)


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
def test_values_beside_a_threshold_are_predicted_alike(tmp_path, kind):
    rows, target = adjacent()
    model = kind(max_iter=5).fit(rows, target)
    original = getattr(model, "predict_proba", model.predict)

    def predictions(converted):
        path = tmp_path / "trees.onnx"
        for key, value in {"name": "trees", "input_schema": "{}"}.items():
            converted.metadata_props.add(key=key, value=value)
        path.write_bytes(converted.SerializeToString())
        outputs = OnnxModel(path).run({"X": rows[:2].ravel().tolist()})
        return np.array(outputs.get("probabilities") or outputs["variable"])

    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    expected = original(rows[:2]).reshape(2, -1)
    exact = to_onnx(convertible(model), rows[:1], options=options, target_opset=17)
    assert predictions(exact).reshape(2, -1) == pytest.approx(expected, abs=1e-6)
    rounded = to_onnx(model, rows[:1], options=options, target_opset=17)
    assert predictions(rounded).reshape(2, -1) != pytest.approx(expected, abs=1e-2)


def test_the_model_itself_is_not_changed():
    rows, target = adjacent()
    model = make_pipeline(FunctionTransformer(), HistGradientBoostingClassifier(max_iter=2))
    model.fit(rows, target)
    [tree] = model[-1]._predictors[0]
    before = tree.nodes.copy()
    [exact] = convertible(model)[-1]._predictors[0]
    assert exact.nodes["num_threshold"][0] < before["num_threshold"][0]
    assert (tree.nodes == before).all()


# 2: NaN goes left; 8 and 10: NaN was seen in training; 1: a set of categories.
LIGHTGBM = """tree
tree_sizes=455 568

Tree=0
threshold=0.1 -0.5 0 3 0.25
decision_type=2 2 0 1 10
left_child=1 -1

end of trees
threshold=of the user
"""


def test_lightgbm_trees_are_rounded_and_say_where_nan_goes():
    text = floored(LIGHTGBM)
    below = repr(float(np.nextafter(np.float32(0.1), np.float32(0))))
    assert f"threshold={below} -0.5 0.0 3.0 0.25\n" in text
    # Without NaN in training it is 0: left of 0.1 and of 0, right of -0.5.
    assert "decision_type=2 0 2 1 10\n" in text
    assert "tree_sizes" not in text and text.endswith("threshold=of the user\n")
    assert floored(text) == text


def test_a_missing_converter_is_named(monkeypatch):
    foreign = type("XGBClassifier", (), {"__module__": "xgboost.sklearn"})
    monkeypatch.setitem(sys.modules, "onnxmltools", None)
    with pytest.raises(UserError, match=r"XGBClassifier needs onnxmltools.*`make lock`"):
        convertible(foreign())
