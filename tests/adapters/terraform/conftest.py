"""A state in a bucket, on a real object store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.terraform.state.gcs import GcsStateBackend
from tests.support import stores


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    with stores.object_store(tmp_path_factory.mktemp("gcs")) as store:
        yield store


@pytest.fixture
async def state(server: stores.Store, tmp_path: Path) -> GcsStateBackend:
    await server.until_up()
    await stores.make_bucket(server)
    prefix = f"stacks/{tmp_path.name}"
    return GcsStateBackend(stores.BUCKET, prefix, f"http://{server.host}", None)
