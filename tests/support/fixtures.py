"""Fixtures of more than one folder: a conftest.py imports those that it offers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.servers import TemporalServer
from tests.support.service import House
from tests.support.stand_in.provider import served as running_stand_in
from tests.support.stand_in.serving import ServedStandIn


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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStandIn]:
    """A stand-in for Google; a test resets it."""
    with running_stand_in(tmp_path_factory.mktemp("google")) as stand_in:
        yield stand_in
