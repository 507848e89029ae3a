"""Models of one node, for tests of inputs and outputs."""

import json

from onnx import TensorProto, helper, load, save

CODES = {
    "f": TensorProto.FLOAT,
    "q": TensorProto.INT64,
    "B": TensorProto.UINT8,
    "": TensorProto.STRING,
}


def save_model(path, nodes, inputs, outputs, opset=17, **metadata):
    """Writes a model with the least metadata. inputs, outputs: name -> (TensorProto type,
    shape).
    """
    begin, end = (
        [helper.make_tensor_value_info(name, *what) for name, what in part.items()]
        for part in (inputs, outputs)
    )
    opsets = [
        helper.make_opsetid("", opset),
        helper.make_opsetid("ai.onnx.ml", 3),
        helper.make_opsetid("com.microsoft", 1),
    ]
    model = helper.make_model(helper.make_graph(nodes, "small", begin, end), opset_imports=opsets)
    model.ir_version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    helper.set_model_props(model, {"name": "small", "input_schema": json.dumps({}), **metadata})
    save(model, path)
    return path


def save_echo(path, shape=(None, 1), codes=("f", "q", "B", "")):
    """A model that gives each of its inputs `x_…` back as `y_…`, one for each type."""
    names = {code: code or "text" for code in codes}
    nodes = [helper.make_node("Identity", [f"x_{name}"], [f"y_{name}"]) for name in names.values()]
    ends = [{f"{end}_{name}": (CODES[code], shape) for code, name in names.items()} for end in "xy"]
    return save_model(path, nodes, *ends)


def save_cast(path, to, shape=(None, 2), opset=17):
    """A model that gives its float32 input `x` as another type in `y`."""
    node = helper.make_node("Cast", ["x"], ["y"], to=to)
    return save_model(path, [node], {"x": (TensorProto.FLOAT, shape)}, {"y": (to, shape)}, opset)


def save_unserved(path, kind):
    """A model whose input `x` or output `y` is of a kind that cannot be served: double, float16,
    sparse, sequence, or map.
    """
    matrix, floats = (
        (TensorProto.FLOAT, (None, 2)),
        helper.make_tensor_type_proto(TensorProto.FLOAT, (None, 2)),
    )
    if kind in ("double", "float16"):
        element = TensorProto.DataType.Value(kind.upper())
        ends = ({name: (element, (None, 2))} for name in "xy")
        return save_model(path, [helper.make_node("Identity", ["x"], ["y"])], *ends)
    if kind == "map":
        node = helper.make_node(
            "ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]
        )
        values = helper.make_map_type_proto(
            TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, ())
        )
        return with_type(
            save_model(path, [node], {"x": matrix}, {"y": matrix}),
            "y",
            helper.make_sequence_type_proto(values),
        )
    if kind == "sequence":
        node = helper.make_node("ConcatFromSequence", ["x"], ["y"], axis=0)
        return with_type(
            save_model(path, [node], {"x": matrix}, {"y": matrix}),
            "x",
            helper.make_sequence_type_proto(floats),
        )
    node = helper.make_node("SparseToDenseMatMul", ["x", "b"], ["y"], domain="com.microsoft")
    path = save_model(path, [node], {"x": matrix, "b": (TensorProto.FLOAT, (2, 2))}, {"y": matrix})
    return with_type(path, "x", helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, (2, 2)))


def with_type(path, name, kind):
    """The model in a file with another type for one of its inputs or outputs."""
    model = load(path)
    [value] = [value for value in [*model.graph.input, *model.graph.output] if value.name == name]
    value.type.CopyFrom(kind)
    save(model, path)
    return path
