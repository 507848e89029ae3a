"""A small model with the metadata of a real one, made without a machine-learning framework."""

import json

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

SCHEMA = {
    "type": "object",
    "properties": {
        "plan": {"type": "string", "x-seen": ["basic", "gold"]},
        "region": {"type": ["string", "null"], "x-seen": ["north", "south"]},
        "months": {"type": "integer", "minimum": 0, "maximum": 790, "x-seen": [0, 72]},
        "fee": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 1320.5,
            "x-seen": [18.5, 118.75],
        },
    },
    "required": ["plan", "months"],
}
METADATA = {
    "name": "toy",
    "version": "v1",
    "task": "tabular-classification",
    "input_schema": SCHEMA,
    "labels": ["no", "yes"],
    "threshold": 0.5,
    "metrics": {"auc": 0.9, "parity": 1e-7},
}
CUSTOMER = {"plan": "basic", "region": "north", "months": 3, "fee": 70.0}


def save_toy(path, **metadata):
    """Writes a model of the four features of SCHEMA: p(yes) = sigmoid(gold + north - months / 100 +
    fee / 100), NaN as 0.
    """
    nodes, texts, numbers = [], ("plan", "region"), ("months", "fee")
    for name, known in zip(texts, ("gold", "north")):
        node = helper.make_node(
            "LabelEncoder", [name], [f"{name}_value"], domain="ai.onnx.ml", default_float=0.0
        )
        node.attribute.extend(
            [
                helper.make_attribute("keys_strings", [known]),
                helper.make_attribute("values_floats", [1.0]),
            ]
        )
        nodes.append(node)
    for name in numbers:
        nodes += [
            helper.make_node("IsNaN", [name], [f"{name}_missing"]),
            helper.make_node("Where", [f"{name}_missing", "zero", name], [f"{name}_value"]),
        ]
    nodes += [
        helper.make_node("Concat", [f"{name}_value" for name in texts + numbers], ["row"], axis=1),
        helper.make_node("MatMul", ["row", "weights"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
    ]
    constants = {
        "zero": np.zeros(1),
        "one": np.ones(1),
        "weights": np.array([[1], [1], [-0.01], [0.01]]),
    }
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, TensorProto.STRING, [None, 1]) for name in texts]
        + [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in numbers],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in constants.items()
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    checker.check_model(model)
    text = ("name", "version", "task")
    helper.set_model_props(
        model, {k: v if k in text else json.dumps(v) for k, v in {**METADATA, **metadata}.items()}
    )
    save(model, path)
    return path


def probability(customer):
    """Return the correct prediction of the toy model for a customer, computed without it."""
    gold, north = customer["plan"] == "gold", customer.get("region") == "north"
    return 1 / (
        1 + np.exp(-(gold + north - customer["months"] / 100 + (customer.get("fee") or 0) / 100))
    )
