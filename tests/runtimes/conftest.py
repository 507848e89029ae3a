"""Fixtures of the unit tests."""

from tests.unit.conftest import model_class, runtime, toy  # noqa: F401
