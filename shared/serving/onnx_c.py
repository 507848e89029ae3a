"""A model file behind plain Python, through ONNX Runtime's C interface: neither numpy nor its Python module is loaded."""

from __future__ import annotations

import ctypes
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_int, c_int64, c_size_t, c_void_p, py_object, pythonapi
from math import prod
from struct import calcsize

from shared.serving.onnx_c_api import load
from shared.serving.onnx_common import BrokenModel, Input, check_names, described, threads

ort = load()

ERROR = 3  # OrtLoggingLevel
STRING = 8  # ONNXTensorElementDataType; the number types by their letters in the modules array and struct
CODES = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", STRING: "", 9: "?", 11: "d", 12: "I", 13: "Q"}
TYPES = {code: number for number, code in CODES.items()}
POINTER = ctypes.sizeof(c_void_p)  # bytes


class OnnxModel:
    """An inference session and what the model file says about itself.

    path: an ONNX file with the metadata that export_onnx.py writes.
    Raises BrokenModel, with one line that says what to do.
    """

    def __init__(self, path: str | os.PathLike):
        self._env, self._session = c_void_p(), c_void_p()
        try:
            ort.CreateEnv(ERROR, b"", byref(self._env))
            with _made(ort.CreateSessionOptions, release=ort.ReleaseSessionOptions) as options:
                ort.SetIntraOpNumThreads(options, threads())
                ort.SetInterOpNumThreads(options, 1)
                # Spinning threads burn the CPU share that Lambda grants and bills.
                ort.AddSessionConfigEntry(options, b"session.intra_op.allow_spinning", b"0")
                ort.SetSessionLogSeverityLevel(options, ERROR)
                ort.CreateSession(self._env, os.fsencode(path), options, byref(self._session))
            self._allocator = _got(c_void_p, ort.GetAllocatorWithDefaultOptions)
            self._memory = _got(c_void_p, ort.AllocatorGetInfo, self._allocator)
            self.metadata = described(self._read_metadata())
            self._inputs = {name: Input(name, *types) for name, *types in self._read_types("Input")}
            self._outputs = [name for name, *_ in self._read_types("Output")]
        except Exception as error:
            raise BrokenModel(path, error) from error
        self._input_names = (c_char_p * len(self._inputs))(*map(str.encode, self._inputs))
        self._output_names = (c_char_p * len(self._outputs))(*map(str.encode, self._outputs))

    def __del__(self, ort=ort):  # the module's own name for it may be gone when Python ends
        ort.ReleaseSession(self._session)
        ort.ReleaseEnv(self._env)  # ONNX Runtime has one of them, and counts its users

    def run(self, inputs: dict) -> dict[str, list]:
        """Runs the session once over a whole batch.

        inputs: for each of the model's inputs a flat list, or a buffer of the input's element type, in row-major
            order; its length is the batch size times the size of one row, from which the batch size follows.
        Returns a nested list, [batch, ...], for each of the model's outputs.
        Raises KeyError for an input that the model does not have, ValueError or TypeError for values that do not fit.
        """
        check_names(inputs, self._inputs)
        count, kept = len(self._inputs), []
        tensors = (c_void_p * (count + len(self._outputs)))()  # the inputs, then the outputs; NULL until they are made
        try:
            for at, taken in enumerate(self._inputs.values()):
                make = self._make_numbers if taken.code else self._make_texts
                kept.append(make(tensors, at, taken, inputs[taken.name]))
            outputs = byref(tensors, count * POINTER)
            ort.Run(self._session, None, self._input_names, tensors, count, self._output_names, len(self._outputs), outputs)
            return {name: _nested(tensor) for name, tensor in zip(self._outputs, tensors[count:])}
        finally:
            for tensor in tensors:
                ort.ReleaseValue(tensor)

    def _make_numbers(self, tensors: ctypes.Array, at: int, taken: Input, values: object) -> memoryview:
        """Makes tensors[at] of numbers. Returns their memory, which the tensor uses: it must not be freed before it."""
        view, shape = taken.numbers(values)
        if _address(view) % taken.size:  # bytes cut from the middle of others: processors want numbers at multiples of their size
            view = memoryview(bytearray(view))
        sizes = (c_int64 * len(shape))(*shape)
        ort.CreateTensorWithDataAsOrtValue(
            self._memory, _address(view), view.nbytes, sizes, len(shape), TYPES[taken.code], byref(tensors, at * POINTER)
        )
        return view

    def _make_texts(self, tensors: ctypes.Array, at: int, taken: Input, values: object) -> None:
        """Makes tensors[at] of texts, which ONNX Runtime copies."""
        texts, shape = taken.texts(values)
        different = dict.fromkeys(texts)  # categories repeat: each is encoded once, and then has an address
        encoded = "\0".join([*different, ""]).encode()
        sizes = (c_int64 * len(shape))(*shape)
        ort.CreateTensorAsOrtValue(self._allocator, sizes, len(shape), STRING, byref(tensors, at * POINTER))
        if encoded.count(b"\0") > len(different):
            return _fill_one_by_one(tensors[at], texts)
        address = _address(memoryview(encoded))
        for text, part in zip(different, encoded.split(b"\0")):
            different[text] = address
            address += len(part) + 1
        pointers = array("Q", map(different.__getitem__, texts))
        ort.FillStringTensor(tensors[at], pointers.buffer_info()[0], len(texts))

    def _read_metadata(self) -> dict[str, str]:
        """The metadata of the model file."""
        with _made(ort.SessionGetModelMetadata, self._session, release=ort.ReleaseModelMetadata) as metadata:
            keys, count = c_void_p(), c_int64()
            ort.ModelMetadataGetCustomMetadataMapKeys(metadata, self._allocator, byref(keys), byref(count))
            try:
                addresses = (c_void_p * count.value).from_address(keys.value) if count else ()
                names = [self._taken(address) for address in addresses]
            finally:
                ort.AllocatorFree(self._allocator, keys)
            lookup = ort.ModelMetadataLookupCustomMetadataMap
            return {name: self._taken(_got(c_void_p, lookup, metadata, self._allocator, name.encode())) for name in names}

    def _read_types(self, kind: str) -> Iterator[tuple[str, str, list[int]]]:
        """Name, letter of the type, and shape of each "Input" or "Output". Raises TypeError for a type that is not in CODES."""
        count, name_of, type_of = (getattr(ort, f"SessionGet{kind}{what}") for what in ("Count", "Name", "TypeInfo"))
        for at in range(_got(c_size_t, count, self._session)):
            name = self._taken(_got(c_void_p, name_of, self._session, at, self._allocator))
            with _made(type_of, self._session, at, release=ort.ReleaseTypeInfo) as info:
                tensor = _got(c_void_p, ort.CastTypeInfoToTensorInfo, info)  # NULL if it is a sequence, a map, …
                if not tensor or (number := _got(c_int, ort.GetTensorElementType, tensor)) not in CODES:
                    raise TypeError(f"its {kind.lower()} {name} is of a type that cannot be served")
                yield name, CODES[number], _shape(tensor)

    def _taken(self, address: int) -> str:
        """The text at an address, whose memory is freed."""
        try:
            return ctypes.string_at(address).decode()
        finally:
            ort.AllocatorFree(self._allocator, address)


def _got(kind: type, function: Callable, *arguments):
    """What a function writes to its last parameter, as a Python value."""
    out = kind()
    function(*arguments, byref(out))
    return out.value


@contextmanager
def _made(function: Callable, *arguments, release: Callable):
    """What a function makes, released at the end."""
    made = _got(c_void_p, function, *arguments)
    try:
        yield made
    finally:
        release(made)


class PyBuffer(ctypes.Structure):
    """struct Py_buffer of Python's own C interface, the same in all versions since 3.11."""

    _fields_ = (("buf", c_void_p), ("others", c_void_p * 9))


_get_buffer = ctypes.PYFUNCTYPE(c_int, py_object, c_void_p, c_int)(("PyObject_GetBuffer", pythonapi))
_release_buffer = ctypes.PYFUNCTYPE(None, c_void_p)(("PyBuffer_Release", pythonapi))
_view_of = ctypes.PYFUNCTYPE(py_object, c_void_p, ctypes.c_ssize_t, c_int)(("PyMemoryView_FromMemory", pythonapi))
SIMPLE, READ = 0, 0x100  # PyBUF_SIMPLE, PyBUF_READ


def _address(view: memoryview) -> int:
    """Where the bytes of a contiguous view are; they stay there while the view lives."""
    buffer = PyBuffer()
    _get_buffer(view, byref(buffer), SIMPLE)
    _release_buffer(byref(buffer))
    return buffer.buf or 0


def _fill_one_by_one(tensor: int, texts: list[str]) -> None:
    """Fills a tensor with texts that hold NUL characters, at which FillStringTensor would cut them."""
    for at, text in enumerate(texts):
        encoded = text.encode()
        place = _got(c_void_p, ort.GetResizedStringTensorElementBuffer, tensor, at, len(encoded))
        ctypes.memmove(place, encoded, len(encoded))


def _nested(tensor: int):
    """A tensor as nested lists, as deep as it has dimensions."""
    with _made(ort.GetTensorTypeAndShape, tensor, release=ort.ReleaseTensorTypeAndShapeInfo) as info:
        code, shape = CODES[_got(c_int, ort.GetTensorElementType, info)], _shape(info)
    count = prod(shape)
    if code == "" or count == 0:
        return _in_shape(_texts(tensor, count), shape)
    view = _view_of(_got(c_void_p, ort.GetTensorMutableData, tensor), count * calcsize(code), READ)
    return view.cast(code, shape).tolist()  # type: ignore[call-overload]


def _shape(info: int) -> list[int]:
    """The sizes of the dimensions, -1 for an open one. info: const OrtTensorTypeAndShapeInfo*."""
    sizes = (c_int64 * _got(c_size_t, ort.GetDimensionsCount, info))()
    ort.GetDimensions(info, sizes, len(sizes))
    return list(sizes)


def _texts(tensor: int, count: int) -> list[str]:
    """The texts in a tensor of `count` of them."""
    if not count:
        return []
    content = bytearray(_got(c_size_t, ort.GetStringTensorDataLength, tensor))
    starts = array("Q", bytes(count * 8))
    ort.GetStringTensorContent(tensor, _address(memoryview(content)), len(content), starts.buffer_info()[0], count)
    ends = [*starts[1:], len(content)]
    return [content[start:end].decode() for start, end in zip(starts, ends)]


def _in_shape(flat: list, shape: list[int]) -> list:
    """A flat list nested to a shape of one dimension or more."""
    if len(shape) == 1:
        return flat
    step = len(flat) // shape[0] if shape[0] else 0
    return [_in_shape(flat[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]
