"""Fixtures of the unit tests."""

from tests.unit.conftest import model_class, onnx_api, toy  # noqa: F401
