"""Fixtures of the scenarios."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.scenarios.house import House
from tests.servers import TemporalServer


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
    house.end()
