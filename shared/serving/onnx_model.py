"""A model file behind plain Python: the only module that knows ONNX Runtime and numpy."""

from __future__ import annotations

import json
import os

import numpy as np
import onnxruntime

# One vCPU for each 1,769 MB, but a smaller function still sees two cores: asking for both would make
# threads that wait for each other. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_VCPU = 1769

DTYPES = {"tensor(string)": object, "tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}
TEXT = {"name", "version", "task", "target", "data_sha256"}  # metadata that is text; everything else is JSON


class BrokenModel(Exception):
    """The file is missing, is not a model that this ONNX Runtime can load, or lacks its metadata."""


class OnnxModel:
    """An inference session and what the model file says about itself.

    path: an ONNX file with the metadata that export_onnx.py writes.
    Raises BrokenModel, with one line that says what to do.
    """

    def __init__(self, path: str | os.PathLike):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0)) // MB_PER_VCPU)
        options.inter_op_num_threads = 1
        # Spinning threads burn the CPU share that Lambda grants and bills.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(os.fspath(path), options, ["CPUExecutionProvider"])
            found = self._session.get_modelmeta().custom_metadata_map
            self.metadata = {key: text if key in TEXT else json.loads(text) for key, text in found.items()}
            self.metadata["name"], self.metadata["input_schema"]
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            reason = " ".join(str(error).split())
            raise BrokenModel(f"{path} cannot be used ({reason}): make it again with `make export`") from error
        self._inputs = {
            node.name: (DTYPES[node.type], [size if isinstance(size, int) else -1 for size in node.shape])
            for node in self._session.get_inputs()
        }
        self._outputs = [node.name for node in self._session.get_outputs()]

    def run(self, inputs: dict) -> dict[str, list]:
        """Runs the session once over a whole batch.

        inputs: for each of the model's inputs a flat list, or a buffer of the input's element type, in row-major
            order; its length is the batch size times the size of one row, from which the batch size follows.
        Returns a nested list, [batch, ...], for each of the model's outputs.
        Raises KeyError for an input that the model does not have, ValueError for a size that does not fit.
        """
        feed = {}
        for name, values in inputs.items():
            dtype, shape = self._inputs[name]
            array = np.array(values, dtype) if isinstance(values, list) else np.frombuffer(values, dtype)
            feed[name] = array.reshape(shape)
        outputs = self._session.run(self._outputs, feed)
        return {name: output.tolist() for name, output in zip(self._outputs, outputs)}
