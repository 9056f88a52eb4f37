"""Fixtures of more than one folder: a conftest.py imports those that it offers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.servers import TemporalServer
from tests.support.service import House


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
    yield server
    server.end()


@pytest.fixture
async def house(temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[House]:
    house = House(await temporal.client(), temporal.address, tmp_path)
    yield house
    await house.close()
