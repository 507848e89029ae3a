"""Models of one node, to try what goes in and out."""

import json

from onnx import TensorProto, helper, save

CODES = {"f": TensorProto.FLOAT, "q": TensorProto.INT64, "B": TensorProto.UINT8, "": TensorProto.STRING}


def save_model(path, nodes, inputs, outputs, **metadata):
    """Writes a model with the least metadata. inputs, outputs: name -> (TensorProto type, shape)."""
    begin, end = ([helper.make_tensor_value_info(name, *what) for name, what in part.items()] for part in (inputs, outputs))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(helper.make_graph(nodes, "small", begin, end), opset_imports=opsets, ir_version=8)
    helper.set_model_props(model, {"name": "small", "input_schema": json.dumps({}), **metadata})
    save(model, path)
    return path


def save_echo(path, shape=(None, 1), codes=("f", "q", "B", "")):
    """A model that gives each of its inputs `x_…` back as `y_…`, one for each type."""
    names = {code: code or "text" for code in codes}
    nodes = [helper.make_node("Identity", [f"x_{name}"], [f"y_{name}"]) for name in names.values()]
    ends = [{f"{end}_{name}": (CODES[code], shape) for code, name in names.items()} for end in "xy"]
    return save_model(path, nodes, *ends)


def save_cast(path, to, shape=(None, 2)):
    """A model that gives its float32 input `x` as another type in `y`."""
    return save_model(
        path, [helper.make_node("Cast", ["x"], ["y"], to=to)], {"x": (TensorProto.FLOAT, shape)}, {"y": (to, shape)}
    )
