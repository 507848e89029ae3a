"""An ONNX model through ONNX Runtime's Python API: the only module that imports it, or numpy."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime

from shared.serving.onnx.common import (
    BrokenModel,
    Input,
    check_names,
    described,
    letter_of,
    on_disk,
    threads,
)


class OnnxModel:
    """An inference session, and the metadata of the model file.

    path: an ONNX file with the metadata that export_onnx.py writes, or s3://bucket/…/<sha256>.onnx.
    Raises BrokenModel, whose message says what to do.
    """

    def __init__(self, path: str | os.PathLike):
        path = on_disk(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads()
        options.inter_op_num_threads = 1
        # Spinning threads burn the CPU share that Lambda grants and bills.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(path), options, ["CPUExecutionProvider"]
            )
            self.metadata = described(self._session.get_modelmeta().custom_metadata_map)
            self._inputs = {node.name: _input(node) for node in self._session.get_inputs()}
            self._outputs = [node.name for node in self._session.get_outputs()]
            for node in self._session.get_outputs():
                letter_of("output", node.name, _element(node))
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise BrokenModel(path, error) from error

    def run(self, inputs: dict) -> dict[str, list]:
        """Run the session on a batch.

        inputs: for each input of the model, a flat list, or a buffer of the input's element type,
            in row-major order. The batch size follows from its length.
        Returns a nested list, [batch, ...], for each output of the model.
        Raises KeyError for an input that the model does not have, ValueError or TypeError for
        values that do not fit.
        """
        check_names(inputs, self._inputs)
        feed = {name: _array(self._inputs[name], values) for name, values in inputs.items()}
        outputs = self._session.run(self._outputs, feed)
        return {name: output.tolist() for name, output in zip(self._outputs, outputs)}


def _element(node: onnxruntime.NodeArg) -> str | None:
    """Return ONNX's name of the element type of an input or output, None if it is not a tensor."""
    # node.type is "tensor(float)", for example.
    return node.type[len("tensor(") : -1] if node.type.startswith("tensor(") else None


def _input(node: onnxruntime.NodeArg) -> Input:
    code = letter_of("input", node.name, _element(node))
    return Input(node.name, code, [size if isinstance(size, int) else -1 for size in node.shape])


def _array(taken: Input, values: object) -> np.ndarray:
    if taken.code:
        view, shape = taken.numbers(values)
        return np.frombuffer(view, taken.code).reshape(shape)
    texts, shape = taken.texts(values)
    "".join(texts)  # raises TypeError where one of them is not text
    return np.array(texts, object).reshape(shape)
