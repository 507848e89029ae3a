"""An ONNX model through ONNX Runtime's C API, without numpy and ONNX Runtime's Python module."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from ctypes import byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from types import SimpleNamespace

from shared.serving.onnx.c_api import ELEMENTS, TENSOR, got, made, ort
from shared.serving.onnx.c_tensors import fill_one_by_one, make_tensor, nested, shape_of
from shared.serving.onnx.common import (
    BrokenModel,
    Input,
    check_names,
    described,
    letter_of,
    on_disk,
    threads,
)

ERROR = 3  # OrtLoggingLevel


class OnnxModel:
    """An inference session, and the metadata of the model file.

    path: an ONNX file with the metadata that export_onnx.py writes, or s3://bucket/…/<sha256>.onnx.
    Raises BrokenModel, whose message says what to do.
    """

    def __init__(self, path: str | os.PathLike):
        self._env, self._session = c_void_p(), c_void_p()
        path = on_disk(path)
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
            # The allocator of tensors, and the description of its memory.
            self._memory = self._allocator, got(c_void_p, ort.AllocatorGetInfo, self._allocator)
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
            in row-major order. The batch size follows from its length.
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
                kept.append(make_tensor(tensors, at, taken, inputs[taken.name], *self._memory))
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
                    fill_one_by_one(tensor, [value])
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
            kept = make_tensor(tensors, at, taken, [0 if taken.code else ""], *self._memory)
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
            return {name: nested(tensor) for name, tensor in zip(self._outputs, outputs)}
        finally:
            for tensor in outputs:
                ort.ReleaseValue(tensor)

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
                yield name, letter_of(kind.lower(), name, element), shape_of(tensor)

    def _taken(self, address: int) -> bytes:
        """Return the text at an address, and free its memory."""
        text = ctypes.string_at(address)
        ort.AllocatorFree(self._allocator, address)
        return text
