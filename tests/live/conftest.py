"""The live run, on the stand-in."""

from tests.support.fixtures import served as served
