"""Convert the PyTorch model to build/model.onnx, and check that both predict the same.

Reads build/model.pt, build/held-out.npz and build/metadata.json.
"""

import argparse
import logging
import warnings
from functools import partial
from pathlib import Path

import networks
import torch

from shared.training.image_export import OPSET, export
from shared.training.metadata import read_metadata

FOLDER = Path(__file__).resolve().parent
BUILD = FOLDER / "build"


def convert(network, size):
    """Return the network as an ONNX model, traced with two blank images of size x size pixels."""
    warnings.simplefilter("ignore")  # about PyTorch's internals
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # about torchvision, not installed
    program = torch.onnx.export(
        networks.Served(network).eval(),
        (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
        input_names=["image"],
        output_names=["probabilities"],
        # Without it, the size of a batch would be the two of the trace.
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program
    return program.model_proto


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="also write build/model.int8.onnx, if it is nearly as accurate",
    )
    args = parser.parse_args()
    read_metadata(BUILD)  # an error unless a model was trained
    network = networks.load(BUILD / "model.pt")
    export(FOLDER, partial(convert, network), partial(networks.predict, network), args.int8)


if __name__ == "__main__":
    main()
