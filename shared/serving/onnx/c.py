"""An ONNX model through ONNX Runtime's C API, without numpy and ONNX Runtime's Python module."""

from __future__ import annotations

import ctypes
import os
import sys
from array import array
from collections.abc import Iterator
from ctypes import byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from math import prod
from operator import itemgetter
from struct import calcsize, unpack
from types import SimpleNamespace

from shared.serving.onnx.c_api import ELEMENTS, TENSOR, address_of, got, load, made, view_of
from shared.serving.onnx.common import (
    OUTPUTS,
    BrokenModel,
    Input,
    check_names,
    described,
    letter_of,
    threads,
)

ort = load()

ERROR = 3  # OrtLoggingLevel
CODES = {number: OUTPUTS[name] for number, name in enumerate(ELEMENTS) if name in OUTPUTS}
TYPES = {code: number for number, code in CODES.items()}
POINTER = ctypes.sizeof(c_void_p)  # bytes


class OnnxModel:
    """An inference session, and the metadata of the model file.

    path: an ONNX file with the metadata that export_onnx.py writes.
    Raises BrokenModel, whose message says what to do.
    """

    def __init__(self, path: str | os.PathLike):
        self._env, self._session = c_void_p(), c_void_p()
        self._rows: list[tuple] = []  # tensors for one row that are not in use
        try:
            ort.CreateEnv(ERROR, b"", byref(self._env))
            with made(ort.CreateSessionOptions, release=ort.ReleaseSessionOptions) as options:
                ort.SetIntraOpNumThreads(options, threads())
                ort.SetInterOpNumThreads(options, 1)
                # Spinning threads burn the CPU share that Lambda grants and bills.
                ort.AddSessionConfigEntry(options, b"session.intra_op.allow_spinning", b"0")
                ort.SetSessionLogSeverityLevel(options, ERROR)
                ort.CreateSession(self._env, os.fsencode(path), options, byref(self._session))
            self._allocator = got(c_void_p, ort.GetAllocatorWithDefaultOptions)
            self._memory = got(c_void_p, ort.AllocatorGetInfo, self._allocator)
            self.metadata = described(self._read_metadata())
            self._inputs = {
                name: Input(name, code, shape) for name, code, shape in self._read_types("Input")
            }
            self._outputs = [name for name, *_ in self._read_types("Output")]
        except Exception as error:
            raise BrokenModel(path, error) from error
        self._by_row = all(
            taken.row == 1 and taken.shape.count(-1) == 1 for taken in self._inputs.values()
        )
        self._input_names = (c_char_p * len(self._inputs))(*map(str.encode, self._inputs))
        self._output_names = (c_char_p * len(self._outputs))(*map(str.encode, self._outputs))

    # A default, because the module's own name may be gone when Python ends.
    def __del__(self, ort: SimpleNamespace = ort) -> None:
        for tensors, _ in self._rows:
            for tensor in tensors:
                ort.ReleaseValue(tensor)
        ort.ReleaseSession(self._session)
        ort.ReleaseEnv(self._env)  # ONNX Runtime has one of them, and counts its users

    def run(self, inputs: dict) -> dict[str, list]:
        """Run the session on a batch.

        inputs: for each input of the model, a flat list, or a buffer of the input's element type,
            in row-major order; its length is the batch size times the size of one row, from which
            the batch size follows.
        Returns a nested list, [batch, ...], for each output of the model.
        Raises KeyError for an input that the model does not have, ValueError or TypeError for
        values that do not fit.
        """
        check_names(inputs, self._inputs)
        if self._by_row and all(
            type(values) is list and len(values) == 1 for values in inputs.values()
        ):
            return self._run_row(inputs)
        kept: list = []
        tensors = (c_void_p * len(self._inputs))()  # NULL until they are made
        try:
            for at, taken in enumerate(self._inputs.values()):
                kept.append(self._make(tensors, at, taken, inputs[taken.name]))
            return self._answers(tensors)
        finally:
            for tensor in tensors:
                ort.ReleaseValue(tensor)

    def _run_row(self, inputs: dict) -> dict[str, list]:
        """Run the session on one row, in tensors that are kept for the next row: to make them takes
        longer than to run.
        """
        # Two threads at once have a row each.
        tensors, cells = self._rows.pop() if self._rows else self._new_row()
        try:
            for taken, tensor, memory in cells:
                [value] = inputs[taken.name]
                if taken.code:
                    memory[0] = value
                elif not isinstance(value, str):
                    raise TypeError(f"{taken.name} takes texts, not a {type(value).__name__}")
                elif "\0" in value:
                    _fill_one_by_one(tensor, [value])
                else:
                    ort.FillStringTensorElement(tensor, value.encode(), 0)
            return self._answers(tensors)
        finally:
            self._rows.append((tensors, cells))

    def _new_row(self) -> tuple[ctypes.Array, list]:
        """Return tensors of one row for all inputs, and (input, tensor, memory of its number) for
        each input.
        """
        tensors, cells = (c_void_p * len(self._inputs))(), []
        for at, taken in enumerate(self._inputs.values()):
            kept = self._make(tensors, at, taken, [0 if taken.code else ""])
            cells.append((taken, tensors[at], kept and kept.obj))
        return tensors, cells

    def _answers(self, tensors: ctypes.Array) -> dict[str, list]:
        """Run the session on tensors in the order of its inputs."""
        outputs = (c_void_p * len(self._outputs))()
        try:
            ort.Run(
                self._session,
                None,
                self._input_names,
                tensors,
                len(tensors),
                self._output_names,
                len(outputs),
                outputs,
            )
            return {name: _nested(tensor) for name, tensor in zip(self._outputs, outputs)}
        finally:
            for tensor in outputs:
                ort.ReleaseValue(tensor)

    def _make(
        self, tensors: ctypes.Array, at: int, taken: Input, values: object
    ) -> memoryview | None:
        """Make tensors[at], NULL until then. Returns the memory that the tensor uses, if any: it
        must live as long as the tensor.
        """
        out = byref(tensors, at * POINTER)
        if not taken.code:
            texts, shape = taken.texts(values)
            ort.CreateTensorAsOrtValue(
                self._allocator, (c_int64 * len(shape))(*shape), len(shape), TYPES[""], out
            )
            _fill(tensors[at], texts)
            return None  # ONNX Runtime has copied them
        view, shape = taken.numbers(values)
        if address_of(view) % taken.size:  # a slice of other bytes: not aligned for all processors
            view = memoryview(bytearray(view))
        memory = self._memory, address_of(view), view.nbytes
        ort.CreateTensorWithDataAsOrtValue(
            *memory, (c_int64 * len(shape))(*shape), len(shape), TYPES[taken.code], out
        )
        return view

    def _read_metadata(self) -> dict[str, str]:
        """Return the metadata of the model file as text."""
        with made(
            ort.SessionGetModelMetadata, self._session, release=ort.ReleaseModelMetadata
        ) as metadata:
            keys, count = c_void_p(), c_int64()
            ort.ModelMetadataGetCustomMetadataMapKeys(
                metadata, self._allocator, byref(keys), byref(count)
            )
            try:
                addresses = (c_void_p * count.value).from_address(keys.value) if keys.value else ()
                names = [self._taken(address) for address in addresses if address]
            finally:
                ort.AllocatorFree(self._allocator, keys)
            lookup = ort.ModelMetadataLookupCustomMetadataMap
            found = {
                name: self._taken(got(c_void_p, lookup, metadata, self._allocator, name))
                for name in names
            }
        return {name.decode(): text.decode() for name, text in found.items()}

    def _read_types(self, kind: str) -> Iterator[tuple[str, str, list[int]]]:
        """Yield name, letter of the type, and shape of each "Input" or "Output".

        Raises TypeError for a type that is not supported.
        """
        count, name_of, type_of = (
            getattr(ort, f"SessionGet{kind}{what}") for what in ("Count", "Name", "TypeInfo")
        )
        for at in range(got(c_size_t, count, self._session)):
            name = self._taken(got(c_void_p, name_of, self._session, at, self._allocator)).decode()
            with made(type_of, self._session, at, release=ort.ReleaseTypeInfo) as info:
                tensor, element = got(c_void_p, ort.CastTypeInfoToTensorInfo, info), None
                if got(c_int, ort.GetOnnxTypeFromTypeInfo, info) == TENSOR:  # not a sequence, map
                    number = got(c_int, ort.GetTensorElementType, tensor)
                    element = ELEMENTS[number] if number < len(ELEMENTS) else f"number {number}"
                yield name, letter_of(kind.lower(), name, element), _shape(tensor)

    def _taken(self, address: int) -> bytes:
        """Return the text at an address, and free its memory."""
        text = ctypes.string_at(address)
        ort.AllocatorFree(self._allocator, address)
        return text


def _fill(tensor: int | None, texts: list[str]) -> None:
    """Fill a tensor with as many texts as it holds."""
    different = set(texts)  # categories repeat: each is encoded once, all together
    encoded = "\0".join([*different, ""]).encode()
    if encoded.count(b"\0") > len(different):
        return _fill_one_by_one(tensor, texts)
    address, pointers = address_of(encoded), {"": b""}
    for text, part in zip(different, encoded.split(b"\0")):
        pointers[text] = address.to_bytes(POINTER, sys.byteorder)
        address += len(part) + 1
    # itemgetter takes half the time of a loop. With the two empty texts it always returns a tuple.
    each = itemgetter(*texts, "", "")(pointers)[:-2]
    ort.FillStringTensor(tensor, b"".join(each), len(each))


def _fill_one_by_one(tensor: int | None, texts: list[str]) -> None:
    """Fill a tensor with texts that hold NUL, where FillStringTensor would cut them."""
    for at, text in enumerate(texts):
        encoded = text.encode()
        place = got(c_void_p, ort.GetResizedStringTensorElementBuffer, tensor, at, len(encoded))
        ctypes.memmove(place, encoded, len(encoded))


def _nested(tensor: int | None) -> list:
    """Return a tensor as nested lists, one level for each dimension."""
    info = got(c_void_p, ort.GetTensorTypeAndShape, tensor)
    try:
        code, shape = CODES[got(c_int, ort.GetTensorElementType, info)], _shape(info)
    finally:
        ort.ReleaseTensorTypeAndShapeInfo(info)
    count = prod(shape)
    if code == "" or count == 0:
        return _in_shape(_texts(tensor, count), shape)
    view = view_of(got(c_void_p, ort.GetTensorMutableData, tensor), count * calcsize(code))
    if code == "e":  # which a view cannot be cast to
        return _in_shape(list(unpack(f"{count}e", view)), shape)
    return view.cast(code, shape).tolist()  # type: ignore[call-overload]


def _shape(info: int) -> list[int]:
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


def _in_shape(flat: list, shape: list[int]) -> list:
    """Return a flat list nested to a shape; its only element for a shape without dimensions."""
    if len(shape) < 2:
        return flat if shape else flat[0]
    step = len(flat) // shape[0] if shape[0] else 0
    return [_in_shape(flat[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]
