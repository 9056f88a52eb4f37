"""One Temporal dev server for each file of scripted deployments."""

from collections.abc import Iterator

import pytest
from temporalio.client import Client

from tests.support.servers import TemporalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
    yield server
    server.end()


@pytest.fixture
async def client(server: TemporalServer) -> Client:
    return await server.client()
