"""Every store of the log, on its real server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.firestore.client import open_firestore
from adapters.firestore.log import FirestoreLogSink, FirestoreLogSource
from adapters.gcs.log import GcsLogSink, GcsLogSource
from adapters.gcs.objects import open_objects
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.redis.log import RedisLogSink, RedisLogSource, open_redis
from tests.adapters.contracts.event_files import Kept
from tests.support import stores
from tests.support.fixtures import temporal as temporal
from tests.support.ids import deployment_id
from tests.support.logs import EventFileSink

STORES = ("local", "redis", "gcs", "firestore")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, stores.Store]]:
    with ExitStack() as running:
        yield {
            "redis": running.enter_context(stores.redis()),
            "gcs": running.enter_context(stores.object_store(tmp_path_factory.mktemp("gcs"))),
            "firestore": running.enter_context(stores.firestore()),
        }


@pytest.fixture(params=STORES)
async def kept(
    request: pytest.FixtureRequest,
    servers: dict[str, stores.Store],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Kept]:
    name: str = request.param
    deployment = deployment_id(str(tmp_path))
    if name == "local":
        changes = FileChanges()
        yield Kept(EventFileSink(tmp_path), LocalLogSource(tmp_path, changes), deployment)
        changes.close()
        return
    server = servers[name]
    await server.until_up()
    if name == "redis":
        client = open_redis(f"redis://{server.host}")
        yield Kept(RedisLogSink(client, 3600), RedisLogSource(client), deployment)
        await client.aclose()
    elif name == "gcs":
        await stores.make_bucket(server)
        objects = open_objects(stores.BUCKET, f"http://{server.host}", None)
        yield Kept(GcsLogSink(objects), GcsLogSource(objects), deployment)
    else:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.host)
        firestore = open_firestore("a-test")
        yield Kept(FirestoreLogSink(firestore), FirestoreLogSource(firestore), deployment)
        firestore.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it
