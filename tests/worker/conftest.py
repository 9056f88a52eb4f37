"""The servers that the tests of the worker use."""

from tests.support.fixtures import temporal

__all__ = ["temporal"]
