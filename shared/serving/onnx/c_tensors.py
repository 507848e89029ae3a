"""Tensors of ONNX Runtime's C API: made from Python values, and read as nested lists."""

from __future__ import annotations

import ctypes
import sys
from array import array
from ctypes import (
    PYFUNCTYPE,
    byref,
    c_int,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_void_p,
    py_object,
    pythonapi,
)
from math import prod
from operator import itemgetter
from struct import calcsize, unpack

from shared.serving.onnx.c_api import ELEMENTS, got, ort
from shared.serving.onnx.common import OUTPUTS, Input

CODES = {number: OUTPUTS[name] for number, name in enumerate(ELEMENTS) if name in OUTPUTS}
TYPES = {code: number for number, code in CODES.items()}
POINTER = ctypes.sizeof(c_void_p)  # bytes


def make_tensor(
    tensors: ctypes.Array, at: int, taken: Input, values: object, allocator: int, memory: int
) -> memoryview | None:
    """Make tensors[at], NULL until then, for an input and its values.

    allocator, memory: OrtAllocator* and OrtMemoryInfo* of the processor's memory.
    Returns the memory that the tensor uses, if any: it must live as long as the tensor.
    """
    out = byref(tensors, at * POINTER)
    if not taken.code:
        texts, shape = taken.texts(values)
        dimensions = (c_int64 * len(shape))(*shape)
        ort.CreateTensorAsOrtValue(allocator, dimensions, len(shape), TYPES[""], out)
        _fill(tensors[at], texts)
        return None  # ONNX Runtime has copied them
    view, shape = taken.numbers(values)
    if address_of(view) % taken.size:  # a slice of other bytes: not aligned for all processors
        view = memoryview(bytearray(view))
    content = address_of(view), view.nbytes
    dimensions = (c_int64 * len(shape))(*shape)
    ort.CreateTensorWithDataAsOrtValue(
        memory, *content, dimensions, len(shape), TYPES[taken.code], out
    )
    return view


def _fill(tensor: int | None, texts: list[str]) -> None:
    """Fill a tensor with as many texts as it holds."""
    different = set(texts)  # categories repeat: each is encoded once, all together
    encoded = "\0".join([*different, ""]).encode()
    if encoded.count(b"\0") > len(different):
        return fill_one_by_one(tensor, texts)
    address, pointers = address_of(encoded), {"": b""}
    for text, part in zip(different, encoded.split(b"\0")):
        pointers[text] = address.to_bytes(POINTER, sys.byteorder)
        address += len(part) + 1
    # itemgetter takes half the time of a loop. With the two empty texts it always returns a tuple.
    each = itemgetter(*texts, "", "")(pointers)[:-2]
    ort.FillStringTensor(tensor, b"".join(each), len(each))


def fill_one_by_one(tensor: int | None, texts: list[str]) -> None:
    """Fill a tensor with texts that hold NUL, where FillStringTensor would cut them."""
    for at, text in enumerate(texts):
        encoded = text.encode()
        memory = got(c_void_p, ort.GetResizedStringTensorElementBuffer, tensor, at, len(encoded))
        ctypes.memmove(memory, encoded, len(encoded))


def nested(tensor: int | None) -> list:
    """Return a tensor as nested lists, one level for each dimension."""
    info = got(c_void_p, ort.GetTensorTypeAndShape, tensor)
    try:
        code, shape = CODES[got(c_int, ort.GetTensorElementType, info)], shape_of(info)
    finally:
        ort.ReleaseTensorTypeAndShapeInfo(info)
    count = prod(shape)
    if code == "" or count == 0:
        return _inshape_of(_texts(tensor, count), shape)
    view = view_of(got(c_void_p, ort.GetTensorMutableData, tensor), count * calcsize(code))
    if code == "e":  # which a view cannot be cast to
        return _inshape_of(list(unpack(f"{count}e", view)), shape)
    return view.cast(code, shape).tolist()  # type: ignore[call-overload]


def shape_of(info: int) -> list[int]:
    """Return the dimensions, -1 for a dynamic one. info: const OrtTensorTypeAndShapeInfo*."""
    sizes = (c_int64 * got(c_size_t, ort.GetDimensionsCount, info))()
    ort.GetDimensions(info, sizes, len(sizes))
    return list(sizes)


def _texts(tensor: int | None, count: int) -> list[str]:
    """Return the texts of a tensor that has `count` of them."""
    if not count:
        return []
    content = bytearray(got(c_size_t, ort.GetStringTensorDataLength, tensor))
    starts = array("Q", bytes(count * 8))
    ort.GetStringTensorContent(
        tensor, address_of(content), len(content), starts.buffer_info()[0], count
    )
    ends = [*starts[1:], len(content)]
    return [content[start:end].decode() for start, end in zip(starts, ends)]


def _inshape_of(flat: list, shape: list[int]) -> list:
    """Return a flat list nested to a shape; its only element for a shape without dimensions."""
    if len(shape) < 2:
        return flat if shape else flat[0]
    step = len(flat) // shape[0] if shape[0] else 0
    return [_inshape_of(flat[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]


# Python's own C interface: https://docs.python.org/3/c-api/buffer.html
class PyBuffer(ctypes.Structure):
    """Py_buffer, the same in all versions since 3.11; only its first member is used here."""

    _fields_ = (("buf", c_void_p), ("others", c_void_p * 9))


# object, Py_buffer*, int flags
get_buffer = PYFUNCTYPE(c_int, py_object, c_void_p, c_int)(("PyObject_GetBuffer", pythonapi))
# Py_buffer*
release_buffer = PYFUNCTYPE(None, c_void_p)(("PyBuffer_Release", pythonapi))
# char* memory, Py_ssize_t size, int flags
view_from = PYFUNCTYPE(py_object, c_void_p, c_ssize_t, c_int)(
    ("PyMemoryView_FromMemory", pythonapi)
)
SIMPLE, READ = 0, 0x100  # PyBUF_SIMPLE, PyBUF_READ


def address_of(buffer: object) -> int:
    """Return the address of a contiguous buffer. It is valid while the buffer lives and keeps its
    size.
    """
    found = PyBuffer()
    get_buffer(buffer, byref(found), SIMPLE)
    release_buffer(byref(found))
    return found.buf or 0


def view_of(address: int, count: int) -> memoryview:
    """Return the bytes at an address without a copy: not to be used after they are freed."""
    return view_from(address, count, READ)
