"""The floor of ONNX Runtime's Python API: a handler that imports it, and does nothing with it."""

import onnxruntime


def lambda_handler(event: object, context: object) -> object:
    """Return the version that was imported."""
    return {"onnxruntime": onnxruntime.__version__}
