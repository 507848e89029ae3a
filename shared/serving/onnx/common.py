"""Parts of both ONNX APIs: metadata, number of threads, and checks of the inputs."""

from __future__ import annotations

import json
import os
from array import array
from math import prod

# One vCPU for each 1,769 MB. A smaller function still sees two cores, but threads for both would
# wait for each other. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_VCPU = 1769

# The metadata of a model file that serving reads, by the form of its value. Keys that other tools
# add are ignored; a key that your train.py adds to the metadata belongs here too.
TEXT = {"name", "version", "task", "target", "unit", "data_sha256"}
JSON = {"input_schema", "labels", "threshold", "preprocessing", "metrics", "trained_with"}
REQUIRED = ("name", "input_schema")

# Supported element types of outputs: ONNX's name -> letter of the module struct, "" for text.
# Python has no letter for others, such as bfloat16, float8 and int4.
OUTPUTS = {
    **{"float": "f", "double": "d", "float16": "e", "bool": "?", "string": ""},
    **{"int8": "b", "int16": "h", "int32": "i", "int64": "q"},
    **{"uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q"},
}
INPUTS = {name: OUTPUTS[name] for name in ("string", "float", "int64", "uint8")}
SAME = {"l": "q"}  # another letter for the same type


class BrokenModel(Exception):
    """A model file that is missing, that this ONNX Runtime cannot load, or without its metadata."""

    def __init__(self, path: str | os.PathLike, error: Exception):
        cause = " ".join(str(error).split())
        advice = "make it again with `make export`"
        super().__init__(f"{os.fspath(path)} cannot be used ({cause}): {advice}")


def on_disk(path: str | os.PathLike) -> str | os.PathLike:
    """Return the path of a model file; download it first if it is the URL of an object in S3."""
    if not os.fspath(path).startswith("s3://"):
        return path
    from shared.serving.onnx.s3 import download

    return download(os.fspath(path))


def described(metadata: dict[str, str]) -> dict:
    """Parse the metadata of a model file. Raises ValueError if a key is missing, or a value is not
    JSON.
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
    """Return the letter of an element type in INPUTS or OUTPUTS.

    kind: input or output.
    name: of the input or output, for the message.
    element: ONNX's name of the type; None if it is not a tensor.
    Raises TypeError for a type that is not supported.
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
    """Return the number of threads for one operator: the whole vCPUs, and at least 1."""
    return max(1, int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0)) // MB_PER_VCPU)


class Input:
    """An input of a model.

    code: a letter of INPUTS.
    shape: -1 for a dynamic dimension, which follows from the number of values.
    """

    def __init__(self, name: str, code: str, shape: list[int]):
        self.name, self.code, self.shape = name, code, shape
        self.size = array(code).itemsize if code else 0  # bytes of an element
        self.row = prod(size for size in shape if size != -1)  # values in a step of that dimension

    def numbers(self, values: object) -> tuple[memoryview, list[int]]:
        """Return numbers in memory, as ONNX Runtime takes them, and their shape. A buffer is not
        copied.

        Raises TypeError, ValueError or OverflowError for anything but a list or a contiguous buffer
        of fitting type and size.
        """
        view = memoryview(array(self.code, values) if isinstance(values, list) else values)  # type: ignore[arg-type]
        letter = view.format[-1:]
        if view.itemsize > 1 and SAME.get(letter, letter) != self.code:
            types = f"{view.format!r}, not {self.code!r}"
            raise TypeError(f"the buffer for {self.name} has elements of type {types}")
        if not view.c_contiguous:
            raise ValueError(f"the buffer for {self.name} is not contiguous")
        if view.nbytes % self.size:
            sizes = f"{view.nbytes} bytes, and each of its elements {self.size}"
            raise ValueError(f"the buffer for {self.name} has {sizes}")
        return view, self.fitted(view.nbytes // self.size)

    def texts(self, values: object) -> tuple[list[str], list[int]]:
        """Return a list of texts, and their shape. Raises TypeError or ValueError for other values.

        The items are checked when they are encoded, which raises TypeError too.
        """
        if not isinstance(values, list):
            raise TypeError(f"{self.name} takes a list of texts, not a {type(values).__name__}")
        return values, self.fitted(len(values))

    def fitted(self, count: int) -> list[int]:
        """Return the shape of a number of values. Raises ValueError if they do not fill one."""
        left_open = self.shape.count(-1)
        if left_open == 1 and self.row and count % self.row == 0:
            return [count // self.row if size == -1 else size for size in self.shape]
        if left_open or count != self.row:
            raise ValueError(f"{self.name} cannot have {count} values: its shape is {self.shape}")
        return self.shape


def check_names(inputs: dict, expected: dict[str, Input]) -> None:
    """Raise KeyError for an input that the model does not have, ValueError for a missing one."""
    if inputs.keys() != expected.keys():
        for name in inputs:
            expected[name]
        missing = ", ".join(sorted(expected.keys() - inputs.keys()))
        raise ValueError(f"inputs are missing: {missing}")
