"""What both ways to run a model share: its metadata, its number of threads, and the checks of what goes in."""

from __future__ import annotations

import json
import os
from array import array
from math import prod

# One vCPU for each 1,769 MB, but a smaller function still sees two cores: asking for both would make
# threads that wait for each other. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_VCPU = 1769

TEXT = {"name", "version", "task", "target", "data_sha256"}  # metadata that is text; everything else is JSON
TAKEN = ("", "f", "q", "B")  # the types of inputs: text, and the array module's letters for float32, int64 and uint8
SAME = {"l": "q"}  # another letter for the same type


class BrokenModel(Exception):
    """The file is missing, is not a model that this ONNX Runtime can load, or lacks its metadata."""

    def __init__(self, path: str | os.PathLike, error: Exception):
        super().__init__(f"{os.fspath(path)} cannot be used ({' '.join(str(error).split())}): make it again with `make export`")


def described(metadata: dict[str, str]) -> dict:
    """The metadata of a model file as export_onnx.py was given it. Raises KeyError or ValueError where it lacks something."""
    found = {key: text if key in TEXT else json.loads(text) for key, text in metadata.items()}
    found["name"], found["input_schema"]
    return found


def threads() -> int:
    """How many threads compute one operator: as many as there are whole vCPUs, and at least 1."""
    return max(1, int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0)) // MB_PER_VCPU)


class Input:
    """An input of a model.

    code: one of TAKEN.
    shape: -1 for a dimension that the model leaves open, which the number of values then settles.
    Raises TypeError for another type of elements.
    """

    def __init__(self, name: str, code: str, shape: list[int]):
        if code not in TAKEN:
            raise TypeError(f"its input {name} is of a type that cannot be served")
        self.name, self.code, self.shape = name, code, shape
        self.size = array(code).itemsize if code else 0  # bytes of an element
        self.row = prod(size for size in shape if size != -1)  # values for each step of the open dimension

    def numbers(self, values: object) -> tuple[memoryview, list[int]]:
        """Values in memory as ONNX Runtime takes them, a buffer as it is and not a copy, and the shape that they have.

        Raises TypeError, ValueError or OverflowError for what is not a list or a contiguous buffer of fitting type and size.
        """
        view = memoryview(array(self.code, values) if isinstance(values, list) else values)  # type: ignore[arg-type]
        letter = view.format[-1:]
        if view.itemsize > 1 and SAME.get(letter, letter) != self.code:
            raise TypeError(f"the buffer for {self.name} has elements of type {view.format!r}, not {self.code!r}")
        if not view.c_contiguous:
            raise ValueError(f"the buffer for {self.name} is not contiguous")
        if view.nbytes % self.size:
            raise ValueError(f"the buffer for {self.name} has {view.nbytes} bytes, and each of its elements {self.size}")
        return view, self.fitted(view.nbytes // self.size)

    def texts(self, values: object) -> tuple[list[str], list[int]]:
        """A list of texts, and the shape that they have. Raises TypeError or ValueError for what is not that.

        What is in the list is looked at when it is encoded, which raises TypeError too.
        """
        if not isinstance(values, list):
            raise TypeError(f"{self.name} takes a list of texts, not a {type(values).__name__}")
        return values, self.fitted(len(values))

    def fitted(self, count: int) -> list[int]:
        """The shape that a number of values has. Raises ValueError where they do not fill one."""
        left_open = self.shape.count(-1)
        if left_open == 1 and self.row and count % self.row == 0:
            return [count // self.row if size == -1 else size for size in self.shape]
        if left_open or count != self.row:
            raise ValueError(f"{self.name} cannot have {count} values: its shape is {self.shape}")
        return self.shape


def check_names(inputs: dict, expected: dict[str, Input]) -> None:
    """Raises KeyError for an input that the model does not have, ValueError for one that is missing."""
    if inputs.keys() != expected.keys():
        for name in inputs:
            expected[name]
        raise ValueError(f"inputs are missing: {', '.join(sorted(expected.keys() - inputs.keys()))}")
