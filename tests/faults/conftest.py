"""Real servers that the proxies stand in front of."""

from collections.abc import Iterator

import pytest

from tests.faults.fronted import Fronted
from tests.support import stores
from tests.support.servers import free_port


@pytest.fixture(scope="session")
def redis_server() -> Iterator[stores.Store]:
    with stores.redis() as server:
        yield server


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    with stores.object_store(tmp_path_factory.mktemp("objects")) as server:
        yield server


@pytest.fixture(scope="session")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    port = free_port()
    folder = tmp_path_factory.mktemp("fronted")
    with stores.object_store(folder, f"http://127.0.0.1:{port}") as server:
        yield Fronted(server, port)


@pytest.fixture(scope="session")
def firestore_server() -> Iterator[stores.Store]:
    with stores.firestore() as server:
        yield server
