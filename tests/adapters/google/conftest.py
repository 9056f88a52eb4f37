"""The adapters of Google, on the stand-in."""

from tests.support.fixtures import served as served
