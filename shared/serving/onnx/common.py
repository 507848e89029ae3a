"""What both ways to run a model share: its metadata, its number of threads, and the checks of what
goes in.
"""

from __future__ import annotations

import json
import os
from array import array
from math import prod

# One vCPU for each 1,769 MB, but a smaller function still sees two cores: asking for both would
# make
# threads that wait for each other. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_VCPU = 1769

# The metadata of a model file that serving reads. Tools that rewrite the file add keys of their
# own, which are left alone; a key that your own train.py adds to the card belongs here too.
TEXT = {"name", "version", "task", "target", "data_sha256"}  # the value is text
JSON = {
    "input_schema",
    "labels",
    "threshold",
    "preprocessing",
    "metrics",
    "trained_with",
}  # the value is JSON
REQUIRED = ("name", "input_schema")

# Element types of the outputs that can be served: ONNX's name -> letter in the module struct, ""
# for text.
# Python has no letter for others, such as bfloat16, float8 and int4, and ONNX Runtime's Python
# module cannot read most of them.
OUTPUTS = {"float": "f", "double": "d", "float16": "e", "bool": "?", "string": ""}
OUTPUTS |= {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
}
INPUTS = {
    name: OUTPUTS[name] for name in ("string", "float", "int64", "uint8")
}  # the same for inputs
SAME = {"l": "q"}  # another letter for the same type


class BrokenModel(Exception):
    """The file is missing, is not a model that this ONNX Runtime can load, or lacks its
    metadata.
    """

    def __init__(self, path: str | os.PathLike, error: Exception):
        super().__init__(
            f"{os.fspath(path)} cannot be used ({' '.join(str(error).split())}): make it again "
            "with `make export`"
        )


def described(metadata: dict[str, str]) -> dict:
    """The metadata of a model file as export_onnx.py was given it. Raises ValueError where it lacks
    something or is not JSON.
    """
    if missing := [key for key in REQUIRED if key not in metadata]:
        raise ValueError(f"its metadata lacks {' and '.join(missing)}")
    found = {}
    for key, text in metadata.items():
        try:
            if key in TEXT | JSON:
                found[key] = text if key in TEXT else json.loads(text)
        except ValueError:
            raise ValueError(f"its metadata {key} is not JSON") from None
    return found


def letter_of(kind: str, name: str, element: str | None) -> str:
    """The letter of an element type in INPUTS or OUTPUTS.

    kind: input or output; name: its name, for the message; element: ONNX's name of the type, None
        if it is no tensor.
    Raises TypeError for a type that is not served.
    """
    served = INPUTS if kind == "input" else OUTPUTS
    if element is None:
        raise TypeError(f"its {kind} {name} is not a tensor")
    if element not in served:
        raise TypeError(
            f"its {kind} {name} has the type {element}, which is not served: use one of "
            f"{', '.join(served)}"
        )
    return served[element]


def threads() -> int:
    """How many threads compute one operator: as many as there are whole vCPUs, and at least 1."""
    return max(1, int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0)) // MB_PER_VCPU)


class Input:
    """An input of a model.

    code: a letter of INPUTS.
    shape: -1 for a dimension that the model leaves open, which the number of values then settles.
    """

    def __init__(self, name: str, code: str, shape: list[int]):
        self.name, self.code, self.shape = name, code, shape
        self.size = array(code).itemsize if code else 0  # bytes of an element
        self.row = prod(
            size for size in shape if size != -1
        )  # values for each step of the open dimension

    def numbers(self, values: object) -> tuple[memoryview, list[int]]:
        """Values in memory as ONNX Runtime takes them, a buffer as it is and not a copy, and the
        shape that they have.

        Raises TypeError, ValueError or OverflowError for what is not a list or a contiguous buffer
        of fitting type and size.
        """
        view = memoryview(array(self.code, values) if isinstance(values, list) else values)  # type: ignore[arg-type]
        letter = view.format[-1:]
        if view.itemsize > 1 and SAME.get(letter, letter) != self.code:
            raise TypeError(
                f"the buffer for {self.name} has elements of type {view.format!r}, not "
                f"{self.code!r}"
            )
        if not view.c_contiguous:
            raise ValueError(f"the buffer for {self.name} is not contiguous")
        if view.nbytes % self.size:
            raise ValueError(
                f"the buffer for {self.name} has {view.nbytes} bytes, and each of its elements "
                f"{self.size}"
            )
        return view, self.fitted(view.nbytes // self.size)

    def texts(self, values: object) -> tuple[list[str], list[int]]:
        """A list of texts, and the shape that they have. Raises TypeError or ValueError for what is
        not that.

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
    """Raises KeyError for an input that the model does not have, ValueError for one that is
    missing.
    """
    if inputs.keys() != expected.keys():
        for name in inputs:
            expected[name]
        raise ValueError(
            f"inputs are missing: {', '.join(sorted(expected.keys() - inputs.keys()))}"
        )
