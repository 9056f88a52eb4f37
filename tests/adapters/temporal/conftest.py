"""The Temporal of a test, which it may kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import TemporalServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path)
    server.start()
    yield server
    server.end()
