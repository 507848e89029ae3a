"""A model file behind plain Python. What is behind it is chosen when the image is built: both
answer the same, to the last digit.

The variable ONNX_API is `c` (ONNX Runtime's shared library alone) or `python` (its Python module,
and numpy). The Dockerfile sets it in the image, and `make run` sets it where it runs the handler
without a container.
"""

import os

from shared.serving.onnx.common import BrokenModel

if os.environ.get("ONNX_API") == "c":
    from shared.serving.onnx.c import OnnxModel
else:
    from shared.serving.onnx.python import OnnxModel  # type: ignore[assignment]

__all__ = ["BrokenModel", "OnnxModel"]
