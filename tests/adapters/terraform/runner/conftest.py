"""Segments for the runner's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.terraform.runner.segments import Segment, processes_below, terraform_binary


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    """A segment with an empty working directory; nothing of it may live when the test is over."""
    one = Segment(tmp_path)
    yield one
    left = processes_below(one.work)
    one.end()
    assert left == []


@pytest.fixture
def sandbox(segment: Segment) -> Segment:
    """A segment whose working directory is an initialised sandbox."""
    segment.copy_sandbox()
    segment.variables()
    segment.terraform("init", "-json")
    return segment


@pytest.fixture
def terraform() -> str:
    return terraform_binary()
