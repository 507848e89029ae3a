"""Export: the names in the graph, and the message if parity fails."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from shared.errors import UserError
from shared.training.graphs import rename
from shared.training.metadata import attach
from shared.training.parity import save_if_equal


def adder():
    """probabilities = a + b, by way of a tensor that is called `length (cm)`."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2])
        for name in ("a", "b", "out")
    ]
    nodes = [
        helper.make_node("Add", ["a", "b"], ["length (cm)"]),
        helper.make_node("Identity", ["length (cm)"], ["out"]),
    ]
    graph = helper.make_graph(nodes, "adder", values[:2], values[2:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_names_of_any_kind_and_those_that_were_taken():
    model = adder()
    rename(model.graph, {"a": "length (cm)", "b": "a", "out": "probabilities"})
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ["length (cm)", "a"]
    session = ReferenceEvaluator(model)
    [found] = session.run(
        None, {"length (cm)": np.array([[1, 2]], np.float32), "a": np.array([[10, 20]], np.float32)}
    )
    assert np.array(found).tolist() == [[11, 22]]


def test_two_tensors_of_one_name():
    with pytest.raises(ValueError, match="would have one name"):
        rename(adder().graph, {"a": "x", "b": "x"})


def test_a_key_that_the_function_would_not_read_is_refused():
    with pytest.raises(
        UserError,
        match=(
            r"^the function would not read currency, scale: add it to JSON in "
            r"shared/serving/onnx/c"
        ),
    ):
        attach(adder(), {"name": "x", "labels": [], "scale": "EUR", "currency": 1})


def test_a_refused_parity_names_row_values_and_input(tmp_path):
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])
        for name in ("tenure", "probabilities")
    ]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["tenure"], ["probabilities"])],
        "same",
        values[:1],
        values[1:],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = {"name": "x", "task": "tabular-classification", "input_schema": {}, "metrics": {}}
    expected = np.array([[0.25], [0.75]], np.float32)
    with pytest.raises(UserError) as refused:
        save_if_equal(model, tmp_path / "model.onnx", metadata, {"tenure": [0.25, 0.5]}, expected)
    message = str(refused.value)
    assert (
        "\n" not in message
        and "in row 1 (from 0), 0.5 instead of 0.75; nothing was written" in message
    )
    assert message.endswith("Its input: tenure=0.5.")
    assert not list(tmp_path.iterdir())
