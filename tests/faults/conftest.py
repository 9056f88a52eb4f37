"""Real servers that the proxies stand in front of."""

from collections.abc import Iterator

import pytest

from tests import stores


@pytest.fixture(scope="session")
def redis_server() -> Iterator[stores.Store]:
    with stores.redis() as server:
        yield server


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    with stores.object_store(tmp_path_factory.mktemp("objects")) as server:
        yield server


@pytest.fixture(scope="session")
def firestore_server() -> Iterator[stores.Store]:
    with stores.firestore() as server:
        yield server
