"""model.pt in the place of shared/serving/onnx/model.py: what the project's handler runs without
ONNX.
"""

import json
from pathlib import Path

import networks  # the project's own
import torch

from shared.serving.onnx.common import threads

torch.set_num_threads(threads())


class OnnxModel:
    """The network. path: where model.onnx would be, beside its file and the metadata."""

    def __init__(self, path: str) -> None:
        self._network = networks.Served(networks.load(Path(path).with_suffix(".pt"))).eval()
        self.metadata = json.loads(Path(path).with_name("metadata.json").read_text())
        size = self.metadata["preprocessing"]
        self._shape = (-1, size["height"], size["width"], 3)

    @torch.inference_mode()
    def run(self, inputs: dict) -> dict[str, list]:
        """Return probabilities, [batch, classes], for the bytes of RGB images."""
        pixels = torch.frombuffer(bytearray(inputs["image"]), dtype=torch.uint8)
        return {"probabilities": self._network(pixels.view(self._shape)).tolist()}
