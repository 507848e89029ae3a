"""Code that the projects share.

ONNX Runtime's official builds send usage data to Microsoft unless ORT_DISABLE_TELEMETRY is set
before the library loads (`Privacy.md` in its wheel). Importing any module of this package sets it,
for serving and for training.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
