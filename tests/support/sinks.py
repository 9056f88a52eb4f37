"""Every sink at once: how a worker is told of them, and all that lies in them."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client as Firestore
from redis import Redis

from tests.support.servers import eventually
from tests.support.stores import BUCKET, Store, firestore, make_bucket, object_store, redis

__all__ = ["every_sink", "in_firestore", "in_redis", "open_stores", "until_shipped"]

_SHIPPED = {"console", "redis", "gcs", "firestore"}
_PROJECT = "local"


@asynccontextmanager
async def open_stores(objects: Path) -> AsyncIterator[dict[str, Store]]:
    """A store for each sink; the object store's files lie in `objects`."""
    with ExitStack() as stack:
        stores = {
            "redis": stack.enter_context(redis()),
            "gcs": stack.enter_context(object_store(objects)),
            "firestore": stack.enter_context(firestore()),
        }
        for store in stores.values():
            await store.until_up()
        await make_bucket(stores["gcs"])
        yield stores


def every_sink(stores: Mapping[str, Store]) -> dict[str, str]:
    """What a worker is told of these stores."""
    return {
        "ANAVA_LOG__SINKS": "local,console,redis,gcs,firestore",
        "ANAVA_REDIS__URL": f"redis://{stores['redis'].host}",
        "ANAVA_GCS__BUCKET": BUCKET,
        "ANAVA_GCS__ENDPOINT": f"http://{stores['gcs'].host}",
        "ANAVA_GOOGLE__PROJECT": _PROJECT,
        "FIRESTORE_EMULATOR_HOST": stores["firestore"].host,
    }


async def until_shipped(data: Path) -> None:
    """Every sink has the seal of each of three steps."""

    def shipped() -> bool:
        folders = list(data.glob("runs/dep-*/steps/*"))
        return len(folders) == 3 and all(_sealed(folder) >= _SHIPPED for folder in folders)

    await eventually(shipped, "the seal in every sink")


def _sealed(step: Path) -> set[str]:
    cursors = step.glob("cursors/*.json")
    return {cursor.stem for cursor in cursors if json.loads(cursor.read_text()).get("sealed")}


def in_redis(store: Store) -> Iterator[tuple[str, bytes]]:
    """Every value, by where it lies."""
    client = Redis(port=store.port)
    for key in client.scan_iter():
        entries: Any = client.xrange(key) if client.type(key) == b"stream" else []
        for _, fields in entries:
            for value in fields.values():
                yield f"redis {key!r}", value
        yield f"redis {key!r}", client.dump(key) or b""
    client.close()


def in_firestore(store: Store) -> Iterator[tuple[str, bytes]]:
    """Every field of a status document or of a log's chunks, by where it lies."""
    with pytest.MonkeyPatch.context() as environment:
        # The client reads it when it is made, and only there learns that there is no TLS.
        environment.setenv("FIRESTORE_EMULATOR_HOST", store.host)
        client = Firestore(project=_PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
    for collection in client.collections():
        for document in collection.list_documents():
            inner = [entry for below in document.collections() for entry in below.stream()]
            for item in (document.get(), *inner):
                for name, value in (item.to_dict() or {}).items():
                    content = value if isinstance(value, bytes) else repr(value).encode()
                    yield f"firestore {item.reference.path} {name}", content
    client.close()  # type: ignore[no-untyped-call]  # google-cloud-firestore
