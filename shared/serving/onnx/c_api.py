"""Bindings to ONNX Runtime's C API, by ctypes, in the shared library of the onnxruntime wheel.

Its functions are the members of one struct, OrtApi, to which later versions only ever append:
https://github.com/microsoft/onnxruntime/blob/main/include/onnxruntime/core/session/onnxruntime_c_api.h
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p
from types import SimpleNamespace

from shared.serving import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

API_VERSION = 15  # of ONNX Runtime 1.15, the first that has all of these functions

P, N = c_void_p, c_size_t
# Each returns an OrtStatus*, NULL for success; but for GetErrorMessage and Release….
FUNCTIONS: dict[str, tuple] = {
    # Place in struct OrtApi, types of the parameters; above it the parameters of the header file.
    # const OrtStatus* status -> const char*
    "GetErrorMessage": (2, P),
    # OrtLoggingLevel level, const char* logid, OrtEnv** out
    "CreateEnv": (3, c_int, c_char_p, P),
    # const OrtEnv* env, const char* model_path, const OrtSessionOptions* options, OrtSession** out
    "CreateSession": (7, P, c_char_p, P, P),
    # OrtSession* session, const OrtRunOptions* run_options, const char* const* input_names, const
    # OrtValue* const* inputs, size_t input_len, const char* const* output_names, size_t
    # output_names_len, OrtValue** outputs
    "Run": (9, P, P, P, P, N, P, N, P),
    # OrtSessionOptions** out
    "CreateSessionOptions": (10, P),
    # OrtSessionOptions* options, int level
    "SetSessionLogSeverityLevel": (22, P, c_int),
    # OrtSessionOptions* options, int threads
    "SetIntraOpNumThreads": (24, P, c_int),
    # OrtSessionOptions* options, int threads
    "SetInterOpNumThreads": (25, P, c_int),
    # const OrtSession* session, size_t* out
    "SessionGetInputCount": (30, P, P),
    # const OrtSession* session, size_t* out
    "SessionGetOutputCount": (31, P, P),
    # const OrtSession*, size_t index, OrtTypeInfo** out
    "SessionGetInputTypeInfo": (33, P, N, P),
    # const OrtSession*, size_t index, OrtTypeInfo** out
    "SessionGetOutputTypeInfo": (34, P, N, P),
    # …, size_t index, OrtAllocator*, char** out
    "SessionGetInputName": (36, P, N, P, P),
    # …, size_t index, OrtAllocator*, char** out
    "SessionGetOutputName": (37, P, N, P, P),
    # OrtAllocator*, const int64_t* shape, size_t shape_len, ONNXTensorElementDataType type,
    # OrtValue** out
    "CreateTensorAsOrtValue": (48, P, P, N, c_int, P),
    # const OrtMemoryInfo*, void* data, size_t bytes, const int64_t* shape, size_t shape_len, …
    # type, OrtValue** out
    "CreateTensorWithDataAsOrtValue": (49, P, P, N, P, N, c_int, P),
    # OrtValue* value, void** out
    "GetTensorMutableData": (51, P, P),
    # OrtValue* value, const char* const* s, size_t s_len
    "FillStringTensor": (52, P, P, N),
    # const OrtValue* value, size_t* len
    "GetStringTensorDataLength": (53, P, P),
    # const OrtValue* value, void* s, size_t s_len, size_t* offsets, size_t offsets_len
    "GetStringTensorContent": (54, P, P, N, P, N),
    # const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo** out
    "CastTypeInfoToTensorInfo": (55, P, P),
    # const OrtTypeInfo*, ONNXType* out
    "GetOnnxTypeFromTypeInfo": (56, P, P),
    # const OrtTensorTypeAndShapeInfo*, ONNXTensorElementDataType* out
    "GetTensorElementType": (60, P, P),
    # const OrtTensorTypeAndShapeInfo* info, size_t* out
    "GetDimensionsCount": (61, P, P),
    # const OrtTensorTypeAndShapeInfo*, int64_t* sizes, size_t count
    "GetDimensions": (62, P, P, N),
    # const OrtValue* value, OrtTensorTypeAndShapeInfo** out
    "GetTensorTypeAndShape": (65, P, P),
    # OrtAllocator* allocator, void* memory
    "AllocatorFree": (76, P, P),
    # const OrtAllocator* allocator, const OrtMemoryInfo** out: not to be released
    "AllocatorGetInfo": (77, P, P),
    # OrtAllocator** out: not to be released
    "GetAllocatorWithDefaultOptions": (78, P),
    # OrtEnv* env, which may be NULL, as in each of these
    "ReleaseEnv": (92, P),
    "ReleaseStatus": (93, P),
    "ReleaseSession": (95, P),
    "ReleaseValue": (96, P),
    "ReleaseTypeInfo": (98, P),
    "ReleaseTensorTypeAndShapeInfo": (99, P),
    "ReleaseSessionOptions": (100, P),
    # const OrtSession* session, OrtModelMetadata** out
    "SessionGetModelMetadata": (111, P, P),
    # const OrtModelMetadata*, OrtAllocator*, const char* key, char** out
    "ModelMetadataLookupCustomMetadataMap": (116, P, P, c_char_p, P),
    "ReleaseModelMetadata": (118, P),
    # const OrtModelMetadata*, OrtAllocator*, char*** keys, int64_t* num_keys
    "ModelMetadataGetCustomMetadataMapKeys": (123, P, P, P, P),
    # OrtValue* value, const char* s, size_t index
    "FillStringTensorElement": (129, P, c_char_p, N),
    # OrtSessionOptions*, const char* key, const char* value
    "AddSessionConfigEntry": (130, P, c_char_p, c_char_p),
    # OrtValue* value, size_t index, size_t length_in_bytes, char** out
    "GetResizedStringTensorElementBuffer": (252, P, N, N, P),
}

TENSOR = 1  # enum ONNXType
# enum ONNXTensorElementDataType, by ONNX's names.
ELEMENTS = (
    *("undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string"),
    *("bool", "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16"),
    *("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4"),
    *("float4e2m1", "uint2", "int2", "float8e8m0"),
)


class OnnxRuntimeError(Exception):
    """A call that failed, with the message of ONNX Runtime."""


def load(version: int = API_VERSION) -> SimpleNamespace:
    """Return the functions by name. Instead of an OrtStatus* they raise OnnxRuntimeError.

    Raises ImportError if there is no library, or one without this version of the API.
    """
    path = library()
    get_base = ctypes.CDLL(path).OrtGetApiBase  # const OrtApiBase* OrtGetApiBase(void)
    get_base.restype = ctypes.POINTER(c_void_p)
    # struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t version); const char*
    # (*GetVersionString)(void); }
    get_api, get_version = get_base()[:2]
    table = ctypes.CFUNCTYPE(ctypes.POINTER(c_void_p), ctypes.c_uint32)(get_api)(version)
    if not table:
        found = ctypes.CFUNCTYPE(c_char_p)(get_version)().decode()
        raise ImportError(
            f"{path} is of ONNX Runtime {found}, which lacks version {version} of the C "
            "interface: install a newer one"
        )
    function = ctypes.CFUNCTYPE(c_void_p)
    ort = SimpleNamespace()
    for name, (place, *parameters) in FUNCTIONS.items():
        member = function(table[place])
        member.argtypes = tuple(parameters)
        setattr(ort, name, member)

    def checked(status: int | None, called: object, arguments: tuple) -> None:
        """Raise OnnxRuntimeError for a status, and free its memory."""
        if status:
            try:
                raise OnnxRuntimeError(ort.GetErrorMessage(status).decode(errors="replace"))
            finally:
                ort.ReleaseStatus(status)

    for name, member in vars(ort).items():
        if name == "GetErrorMessage":
            member.restype = c_char_p
        elif name.startswith("Release"):
            member.restype = None
        else:
            member.errcheck = checked
    return ort


def library() -> str:
    """Return the path of the library in the onnxruntime wheel, without importing that.

    Raises ImportError if there is none.
    """
    for folder in sys.path:
        folder = os.path.join(folder, "onnxruntime/capi")
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                # .so.1.32.0 on Linux, .1.32.0.dylib on macOS
                if name.startswith("libonnxruntime."):
                    return os.path.join(folder, name)
    raise ImportError(
        "there is no onnxruntime/capi/libonnxruntime.* on the path: install onnxruntime"
    )


def got(kind: type, function: Callable, *arguments: object) -> Any:
    """Call a function, and return what it writes to its last parameter, as a Python value."""
    out = kind()
    function(*arguments, byref(out))
    return out.value


@contextmanager
def made(function: Callable, *arguments: object, release: Callable) -> Iterator[int]:
    """Call a function that makes an object, and release the object at the end."""
    handle = got(c_void_p, function, *arguments)
    try:
        yield handle
    finally:
        release(handle)


ort = load()
