"""An ONNX model behind plain Python: lists and buffers in, lists out.

The variable ONNX_API selects the API of ONNX Runtime: `c` (the shared library alone) or `python`
(its Python module, and numpy). Both give the same results, to the last digit. The Dockerfile sets
the variable, and so does `make run` without a container.
"""

import os

from shared.serving.onnx.common import BrokenModel

if os.environ.get("ONNX_API") == "c":
    from shared.serving.onnx.c import OnnxModel
else:
    from shared.serving.onnx.python import OnnxModel  # type: ignore[assignment]

__all__ = ["BrokenModel", "OnnxModel"]
