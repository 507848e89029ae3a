"""The one interface to ONNX Runtime, with both ONNX APIs: good and broken model files, inputs and
outputs.
"""

import array
import ctypes
import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime.quantization import quant_pre_process, quantize_dynamic

from scripts.project import ROOT
from shared.serving.onnx.common import OUTPUTS, BrokenModel
from tests.unit.models import save_cast, save_echo, save_model, save_unserved
from tests.unit.toy import CUSTOMER, METADATA, probability, save_toy


def columns(*customers):
    """Return customers as the model's input columns."""
    return {name: [customer[name] for customer in customers] for name in CUSTOMER}


@pytest.fixture
def echo(model_class, tmp_path):
    """Gives one input back: echo(code, values), of a model that has no other."""
    models = {}

    def run(code, values, shape=(None, 1)):
        if (code, shape) not in models:
            models[code, shape] = model_class(save_echo(tmp_path / "echo.onnx", shape, [code]))
        return models[code, shape].run({f"x_{code or 'text'}": values})[f"y_{code or 'text'}"]

    return run


def test_metadata_is_what_export_wrote(model_class, toy):
    assert model_class(toy).metadata == METADATA


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_a_batch_of_any_size(model_class, toy, rows):
    customers = [{**CUSTOMER, "months": month} for month in range(rows)]
    answers = model_class(toy).run(columns(*customers))["probabilities"]
    assert [yes for _, yes in answers] == pytest.approx(
        [probability(customer) for customer in customers], abs=1e-6
    )


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("f", [1.5, -0.0, float("inf"), 16777217, True]),
        ("q", [0, -(2**63), 2**63 - 1]),
        ("B", [0, 255]),
        ("", ["a", "", "é", "a\0b", "\0", "𝄞", "a"]),
    ],
)
def test_lists_come_back(echo, code, values):
    given = [[array.array("f", [value])[0] if code == "f" else value] for value in values]
    assert echo(code, values) == given
    assert [echo(code, [value])[0] for value in values] == given  # one row goes another way
    assert echo(code, values + [values[0]] * 2)[: len(values)] == given
    assert echo(code, []) == []


@pytest.mark.parametrize("shape", [(None,), (None, 2, 3), (2, None), (3,), ()])
def test_values_take_the_shape_of_the_input(echo, shape):
    count = 1 if shape == () else 3 if shape == (3,) else 6
    values = list(range(count))
    nested = {(): 0, (None, 2, 3): [[[0, 1, 2], [3, 4, 5]]], (2, None): [[0, 1, 2], [3, 4, 5]]}.get(
        shape, values
    )
    assert echo("q", values, shape) == nested
    assert str(echo("", [str(value) for value in values], shape)).replace("'", "") == str(nested)
    for wrong in ([], [1] * 7) if shape in ((3,), ()) else ([1] * 7,) if shape != (None,) else ():
        with pytest.raises(ValueError, match="x_q cannot have"):
            echo("q", wrong, shape)


CTYPES: dict = {"f": ctypes.c_float, "q": ctypes.c_int64, "B": ctypes.c_uint8}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, array.array, "ctypes", "odd"])
@pytest.mark.parametrize("code", CTYPES)
def test_a_buffer_is_taken_as_it_is(echo, code, kind):
    values = array.array(code, [1, 2, 3])
    buffer: object
    if kind == "ctypes":
        buffer = (CTYPES[code] * 3)(1, 2, 3)
    elif kind == "odd":
        buffer = memoryview(b"x" + values.tobytes())[1:]
    else:
        buffer = values if kind is array.array else kind(values.tobytes())
    assert echo(code, buffer) == [[1], [2], [3]]


@pytest.mark.linux
def test_a_buffer_is_not_copied(model_class, tmp_path):
    nodes = [helper.make_node("Shape", ["x"], ["y"])]
    ends = {"x": (TensorProto.UINT8, (None, 1000))}, {"y": (TensorProto.INT64, (2,))}
    model = model_class(save_model(tmp_path / "shape.onnx", nodes, *ends))
    model.run({"x": bytes(1000)})
    image = bytes(64_000_000)
    image[::4096].count(0)  # it is in memory now
    before = peak_memory()
    assert model.run({"x": image}) == {"y": [64_000, 1000]}
    assert peak_memory() - before < 32_000_000


def peak_memory():
    """The most bytes that this process ever had in memory."""
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


GIVEN = [1.5, 0.0, 2.0, -0.1]  # 1.5, 0.0, 2.0 and the float32 next to -0.1
CAST: dict[str, list] = {
    "float": [1.5, 0.0, 2.0, -0.10000000149011612],
    "double": [1.5, 0.0, 2.0, -0.10000000149011612],
    "float16": [1.5, 0.0, 2.0, -0.0999755859375],
    "bool": [True, False, True, True],
    "string": ["1.5", "0", "2", "-0.1"],
    **{f"{kind}{bits}": [1, 0, 2, 0] for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
TYPES = {name.lower(): number for name, number in TensorProto.DataType.items() if number}


@pytest.mark.parametrize("name", TYPES)
def test_each_type_of_onnx_comes_out_as_plain_python_or_is_refused_by_name(
    model_class, tmp_path, name
):
    path = save_cast(tmp_path / "cast.onnx", TYPES[name], opset=25)
    if name not in CAST:
        refused = f"its output y has the type {name}, which is not served"
        with pytest.raises(
            BrokenModel, match=f"{refused}|registered|implement"
        ) as message:  # or ONNX Runtime cannot load it
            model_class(path)
        assert "\n" not in str(message.value)
        return
    model = model_class(path)
    output = model.run({"x": GIVEN})["y"]
    assert output == [CAST[name][:2], CAST[name][2:]] and type(output[0][0]) is type(CAST[name][0])
    assert model.run({"x": []}) == {"y": []}


def test_all_types_that_are_served_are_tested():
    assert CAST.keys() == OUTPUTS.keys()


@pytest.mark.parametrize("shape", [(), (3,), (None, 1, 3)])
def test_float16_is_exact_in_any_shape(model_class, tmp_path, shape):
    model = model_class(save_cast(tmp_path / "cast.onnx", TensorProto.FLOAT16, shape))
    values = [0.1] if shape == () else [65504.0, -5.960464477539063e-08, float("inf")]
    nested = {(): 0.0999755859375, (3,): values, (None, 1, 3): [[values]]}[shape]
    assert model.run({"x": values}) == {"y": nested}


def test_an_unknown_and_a_missing_input_and_unequal_columns_are_errors(model_class, toy):
    model = model_class(toy)
    with pytest.raises(KeyError, match="nothing"):
        model.run({**columns(CUSTOMER), "nothing": [1]})
    with pytest.raises(ValueError, match="plan, region"):
        model.run(
            {
                name: values
                for name, values in columns(CUSTOMER).items()
                if name not in ("plan", "region")
            }
        )
    with pytest.raises(Exception, match=r"plan|Concat|shape|dimension"):
        model.run({**columns(CUSTOMER), "plan": ["basic", "basic"]})
    assert model.run(columns(CUSTOMER))["probabilities"][0][1] == pytest.approx(
        probability(CUSTOMER), abs=1e-6
    )


@pytest.mark.parametrize("content", [None, b"", b"not a model", "cut"])
def test_a_broken_file_is_one_clear_line(model_class, toy, tmp_path, content):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(toy.read_bytes()[:400] if content == "cut" else content)
    with pytest.raises(BrokenModel, match="make export") as broken:
        model_class(path)
    assert str(path) in str(broken.value) and "\n" not in str(broken.value)


def test_a_model_without_its_metadata_is_broken(model_class, tmp_path):
    model = onnx.load(save_toy(tmp_path / "model.onnx"))
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(BrokenModel, match="its metadata lacks name and input_schema"):
        model_class(tmp_path / "model.onnx")


@pytest.mark.parametrize("text", ["onnxruntime.quant", "", "{", "1"])
def test_metadata_of_other_tools_is_left_alone(model_class, tmp_path, text):
    model = onnx.load(save_toy(tmp_path / "model.onnx"))
    for key in ("onnx.infer", "onnx.quant.pre_process", "notes", "Title"):
        model.metadata_props.add(key=key, value=text)
    onnx.save(model, tmp_path / "model.onnx")
    assert model_class(tmp_path / "model.onnx").metadata == METADATA


def test_a_model_that_onnxruntime_quantized_is_loaded(model_class, toy, tmp_path):
    """Its tools add metadata of their own, which is not JSON."""
    prepared, quantized = tmp_path / "prepared.onnx", tmp_path / "quantized.onnx"
    quant_pre_process(toy, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, quantized)
    assert {prop.key for prop in onnx.load(quantized).metadata_props} > METADATA.keys()
    for path in (prepared, quantized):
        model = model_class(path)
        assert model.metadata == METADATA
        assert model.run(columns(CUSTOMER))["probabilities"][0][1] == pytest.approx(
            probability(CUSTOMER), abs=0.01
        )


@pytest.mark.parametrize("key", ["input_schema", "labels", "threshold"])
def test_metadata_of_ours_that_is_not_json_is_one_clear_line(model_class, tmp_path, key):
    model = onnx.load(save_toy(tmp_path / "model.onnx"))
    for prop in model.metadata_props:
        prop.value = "{onnx" if prop.key == key else prop.value
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(BrokenModel, match=f"its metadata {key} is not JSON") as broken:
        model_class(tmp_path / "model.onnx")
    assert "\n" not in str(broken.value)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "double",
            "its input x has the type double, which is not served: use one of string, float, "
            "int64, uint8",
        ),
        ("float16", "its input x has the type float16"),
        ("sparse", "its input x is not a tensor"),
        ("sequence", "its input x is not a tensor"),
        ("map", "its output y is not a tensor"),
    ],
)
def test_types_that_cannot_be_served_are_refused_when_the_model_is_loaded(
    model_class, tmp_path, kind, message
):
    with pytest.raises(BrokenModel, match=message):
        model_class(save_unserved(tmp_path / "model.onnx", kind))


THREADS = """
import os, sys
from shared.serving.onnx.{onnx_api} import OnnxModel
def count(): return len(os.listdir("/proc/self/task"))
models = [OnnxModel(sys.argv[1])]  # the first brings a thread of ONNX Runtime's own, too
before = count()
models.append(OnnxModel(sys.argv[1]))
print(count() - before)"""


@pytest.mark.linux
@pytest.mark.parametrize(("memory", "threads"), [(None, 1), ("128", 1), ("1768", 1), ("3538", 2)])
def test_threads_follow_the_vcpus_that_the_memory_size_buys(onnx_api, toy, memory, threads):
    environment = {
        "PYTHONPATH": str(ROOT),
        **({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory} if memory else {}),
    }
    command = [sys.executable, "-c", THREADS.format(onnx_api=onnx_api), str(toy)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(ran.stdout) == threads - 1  # beside the one that calls
