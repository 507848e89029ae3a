"""The toy model of the unit tests."""

from tests.unit.conftest import toy  # noqa: F401
