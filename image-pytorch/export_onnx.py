"""The PyTorch model -> model.onnx, written only if both give the same probabilities."""

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
    """The network as an ONNX model, by a trace of what it does with two blank images, size x size
    pixels.
    """
    warnings.simplefilter("ignore")  # about PyTorch's own inner workings
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # that torchvision is not there
    program = torch.onnx.export(
        networks.Served(network).eval(),
        (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
        input_names=["image"],
        output_names=["probabilities"],
        dynamic_shapes=(
            {0: torch.export.Dim("batch")},
        ),  # without it, the batch would be the two of the trace
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
        help="make build/model.int8.onnx too, if it is nearly as accurate",
    )
    args = parser.parse_args()
    read_metadata(BUILD)  # which says so where nothing was trained yet
    network = networks.load(BUILD / "model.pt")
    export(FOLDER, partial(convert, network), partial(networks.predict, network), args.int8)


if __name__ == "__main__":
    main()
