"""ONNX Runtime's C interface, called through ctypes in the shared library that comes in the
onnxruntime wheel.

Its functions are the members of one struct, OrtApi, to which later versions only ever append:
https://github.com/microsoft/onnxruntime/blob/main/include/onnxruntime/core/session/onnxruntime_c_api.h
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from ctypes import (
    PYFUNCTYPE,
    byref,
    c_char_p,
    c_int,
    c_size_t,
    c_ssize_t,
    c_void_p,
    py_object,
    pythonapi,
)
from types import SimpleNamespace

API_VERSION = 15  # of ONNX Runtime 1.15, the first that has all of these functions

# Each returns an OrtStatus*, which is NULL when it succeeded, but for GetErrorMessage and Release….
FUNCTIONS: dict[
    str, tuple
] = {  # place in struct OrtApi, types of the parameters; the parameters as in onnxruntime_c_api.h
    "GetErrorMessage": (2, c_void_p),  # const OrtStatus* status -> const char*
    "CreateEnv": (
        3,
        c_int,
        c_char_p,
        c_void_p,
    ),  # OrtLoggingLevel level, const char* logid, OrtEnv** out
    "CreateSession": (7, c_void_p, c_char_p, c_void_p, c_void_p),
    # ^ const OrtEnv* env, const char* model_path, const OrtSessionOptions* options, OrtSession**
    # out
    "Run": (9, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p),
    # ^ OrtSession* session, const OrtRunOptions* run_options, const char* const* input_names, const
    # OrtValue* const* inputs, size_t input_len, const char* const* output_names, size_t
    # output_names_len, OrtValue** outputs
    "CreateSessionOptions": (10, c_void_p),  # OrtSessionOptions** out
    "SetSessionLogSeverityLevel": (22, c_void_p, c_int),  # OrtSessionOptions* options, int level
    "SetIntraOpNumThreads": (24, c_void_p, c_int),  # OrtSessionOptions* options, int threads
    "SetInterOpNumThreads": (25, c_void_p, c_int),  # OrtSessionOptions* options, int threads
    "SessionGetInputCount": (30, c_void_p, c_void_p),  # const OrtSession* session, size_t* out
    "SessionGetOutputCount": (31, c_void_p, c_void_p),  # const OrtSession* session, size_t* out
    "SessionGetInputTypeInfo": (
        33,
        c_void_p,
        c_size_t,
        c_void_p,
    ),  # const OrtSession*, size_t index, OrtTypeInfo** out
    "SessionGetOutputTypeInfo": (
        34,
        c_void_p,
        c_size_t,
        c_void_p,
    ),  # const OrtSession*, size_t index, OrtTypeInfo** out
    "SessionGetInputName": (
        36,
        c_void_p,
        c_size_t,
        c_void_p,
        c_void_p,
    ),  # …, size_t index, OrtAllocator*, char** out
    "SessionGetOutputName": (
        37,
        c_void_p,
        c_size_t,
        c_void_p,
        c_void_p,
    ),  # …, size_t index, OrtAllocator*, char** out
    "CreateTensorAsOrtValue": (48, c_void_p, c_void_p, c_size_t, c_int, c_void_p),
    # ^ OrtAllocator*, const int64_t* shape, size_t shape_len, ONNXTensorElementDataType type,
    # OrtValue** out
    "CreateTensorWithDataAsOrtValue": (
        49,
        c_void_p,
        c_void_p,
        c_size_t,
        c_void_p,
        c_size_t,
        c_int,
        c_void_p,
    ),
    # ^ const OrtMemoryInfo*, void* data, size_t bytes, const int64_t* shape, size_t shape_len, …
    # type, OrtValue** out
    "GetTensorMutableData": (51, c_void_p, c_void_p),  # OrtValue* value, void** out
    "FillStringTensor": (
        52,
        c_void_p,
        c_void_p,
        c_size_t,
    ),  # OrtValue* value, const char* const* s, size_t s_len
    "GetStringTensorDataLength": (53, c_void_p, c_void_p),  # const OrtValue* value, size_t* len
    "GetStringTensorContent": (54, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t),
    # ^ const OrtValue* value, void* s, size_t s_len, size_t* offsets, size_t offsets_len
    "CastTypeInfoToTensorInfo": (
        55,
        c_void_p,
        c_void_p,
    ),  # const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo** out
    "GetOnnxTypeFromTypeInfo": (56, c_void_p, c_void_p),  # const OrtTypeInfo*, ONNXType* out
    "GetTensorElementType": (
        60,
        c_void_p,
        c_void_p,
    ),  # const OrtTensorTypeAndShapeInfo*, ONNXTensorElementDataType* out
    "GetDimensionsCount": (
        61,
        c_void_p,
        c_void_p,
    ),  # const OrtTensorTypeAndShapeInfo* info, size_t* out
    "GetDimensions": (
        62,
        c_void_p,
        c_void_p,
        c_size_t,
    ),  # const OrtTensorTypeAndShapeInfo*, int64_t* sizes, size_t count
    "GetTensorTypeAndShape": (
        65,
        c_void_p,
        c_void_p,
    ),  # const OrtValue* value, OrtTensorTypeAndShapeInfo** out
    "AllocatorFree": (76, c_void_p, c_void_p),  # OrtAllocator* allocator, void* memory
    "AllocatorGetInfo": (
        77,
        c_void_p,
        c_void_p,
    ),  # const OrtAllocator* allocator, const OrtMemoryInfo** out: not to be released
    "GetAllocatorWithDefaultOptions": (78, c_void_p),  # OrtAllocator** out: not to be released
    "ReleaseEnv": (92, c_void_p),  # OrtEnv* env, which may be NULL, as in each of these
    "ReleaseStatus": (93, c_void_p),
    "ReleaseSession": (95, c_void_p),
    "ReleaseValue": (96, c_void_p),
    "ReleaseTypeInfo": (98, c_void_p),
    "ReleaseTensorTypeAndShapeInfo": (99, c_void_p),
    "ReleaseSessionOptions": (100, c_void_p),
    "SessionGetModelMetadata": (
        111,
        c_void_p,
        c_void_p,
    ),  # const OrtSession* session, OrtModelMetadata** out
    "ModelMetadataLookupCustomMetadataMap": (116, c_void_p, c_void_p, c_char_p, c_void_p),
    # ^ const OrtModelMetadata*, OrtAllocator*, const char* key, char** out
    "ReleaseModelMetadata": (118, c_void_p),
    "ModelMetadataGetCustomMetadataMapKeys": (123, c_void_p, c_void_p, c_void_p, c_void_p),
    # ^ const OrtModelMetadata*, OrtAllocator*, char*** keys, int64_t* num_keys
    "FillStringTensorElement": (
        129,
        c_void_p,
        c_char_p,
        c_size_t,
    ),  # OrtValue* value, const char* s, size_t index
    "AddSessionConfigEntry": (
        130,
        c_void_p,
        c_char_p,
        c_char_p,
    ),  # OrtSessionOptions*, const char* key, const char* value
    "GetResizedStringTensorElementBuffer": (252, c_void_p, c_size_t, c_size_t, c_void_p),
    # ^ OrtValue* value, size_t index, size_t length_in_bytes, char** out
}

TENSOR = 1  # enum ONNXType
COMMON = (
    "undefined",
    "float",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "double",
)
WIDE = ("uint32", "uint64", "complex64", "complex128", "bfloat16")
NARROW = (
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "uint4",
    "int4",
    "float4e2m1",
)
ELEMENTS = (
    *COMMON,
    *WIDE,
    *NARROW,
    "uint2",
    "int2",
    "float8e8m0",
)  # enum ONNXTensorElementDataType, by ONNX's names


class OnnxRuntimeError(Exception):
    """What ONNX Runtime said of a call that failed."""


def load(version: int = API_VERSION) -> SimpleNamespace:
    """The functions by their names. Those that return an OrtStatus* raise OnnxRuntimeError instead.

    Raises ImportError where there is no library, or one that is older than the version of the
    interface asked for.
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

    def checked(status, called, arguments):
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
    """The path of the library in the onnxruntime wheel, which is not imported. Raises ImportError
    where there is none.
    """
    for folder in sys.path:
        folder = os.path.join(folder, "onnxruntime/capi")
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.startswith(
                    "libonnxruntime."
                ):  # .so.1.32.0 on Linux, .1.32.0.dylib on macOS
                    return os.path.join(folder, name)
    raise ImportError(
        "there is no onnxruntime/capi/libonnxruntime.* on the path: install onnxruntime"
    )


def got(kind: type, function: Callable, *arguments):
    """What a function writes to its last parameter, as a Python value."""
    out = kind()
    function(*arguments, byref(out))
    return out.value


@contextmanager
def made(function: Callable, *arguments, release: Callable):
    """What a function makes, released at the end."""
    handle = got(c_void_p, function, *arguments)
    try:
        yield handle
    finally:
        release(handle)


# Python's own C interface: https://docs.python.org/3/c-api/buffer.html
class PyBuffer(ctypes.Structure):
    """Py_buffer, the same in all versions since 3.11; only its first member is used here."""

    _fields_ = (("buf", c_void_p), ("others", c_void_p * 9))


get_buffer = PYFUNCTYPE(c_int, py_object, c_void_p, c_int)(
    ("PyObject_GetBuffer", pythonapi)
)  # object, Py_buffer*, int flags
release_buffer = PYFUNCTYPE(None, c_void_p)(("PyBuffer_Release", pythonapi))  # Py_buffer*
view_from = PYFUNCTYPE(py_object, c_void_p, c_ssize_t, c_int)(
    ("PyMemoryView_FromMemory", pythonapi)
)  # char*, size, int flags
SIMPLE, READ = 0, 0x100  # PyBUF_SIMPLE, PyBUF_READ


def address_of(buffer: object) -> int:
    """Where the bytes of a contiguous buffer are. They stay there while it lives and keeps its
    size.
    """
    found = PyBuffer()
    get_buffer(buffer, byref(found), SIMPLE)
    release_buffer(byref(found))
    return found.buf or 0


def view_of(address: int, count: int) -> memoryview:
    """The bytes at an address, not copied: it must not be used when they are freed."""
    return view_from(address, count, READ)
