"""The one module that knows ONNX Runtime: model files, good and broken, and what goes in and out."""

import array

import pytest

from shared.serving.onnx_model import BrokenModel, OnnxModel
from tests.unit.toy import CARD, CUSTOMER, probability, save_toy


def columns(*customers):
    return {name: [customer[name] for customer in customers] for name in CUSTOMER}


def test_metadata_is_what_export_wrote(toy):
    assert OnnxModel(toy).metadata == CARD


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_a_batch_of_any_size(toy, rows):
    customers = [{**CUSTOMER, "months": month} for month in range(rows)]
    answers = OnnxModel(toy).run(columns(*customers))["probabilities"]
    assert [yes for _, yes in answers] == pytest.approx([probability(customer) for customer in customers], abs=1e-6)


def test_a_buffer_is_taken_as_it_is(toy):
    model = OnnxModel(toy)
    as_buffer = {**columns(CUSTOMER), "fee": array.array("f", [CUSTOMER["fee"]])}
    assert model.run(as_buffer) == model.run(columns(CUSTOMER))


def test_an_unknown_input_and_unequal_columns_are_errors(toy):
    with pytest.raises(KeyError):
        OnnxModel(toy).run({"nothing": [1]})
    with pytest.raises(Exception, match=r"plan|Concat|shape|dimension"):
        OnnxModel(toy).run({**columns(CUSTOMER), "plan": ["basic", "basic"]})


@pytest.mark.parametrize("content", [None, b"", b"not a model", "cut"])
def test_a_broken_file_is_one_clear_line(toy, tmp_path, content):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(toy.read_bytes()[:400] if content == "cut" else content)
    with pytest.raises(BrokenModel, match="make export") as broken:
        OnnxModel(path)
    assert str(path) in str(broken.value) and "\n" not in str(broken.value)


def test_a_model_without_its_metadata_is_broken(tmp_path):
    import onnx

    model = onnx.load(save_toy(tmp_path / "model.onnx"))
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(BrokenModel, match="name"):
        OnnxModel(tmp_path / "model.onnx")


@pytest.mark.parametrize(("memory", "threads"), [(None, 1), ("128", 1), ("1768", 1), ("3538", 2)])
def test_threads_follow_the_vcpus_that_the_memory_size_buys(toy, monkeypatch, memory, threads):
    if memory:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
    else:
        monkeypatch.delenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", raising=False)
    options = OnnxModel(toy)._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
