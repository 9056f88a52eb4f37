"""A bucket without an answer costs a single timeout, not one for each request."""

import time
from pathlib import Path

import pytest

from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.objects import open_objects
from adapters.gcs.signing import LinkSigner
from adapters.guarded_artifacts import GuardedArtifactStore
from deployments.errors import NotFound, Unavailable
from tests.support import stores
from tests.support.servers import eventually
from tests.support.tcp_proxy import Mode, tcp_proxy

CALL_SECONDS = 1.0


async def test_requests_wait_once_for_a_bucket_without_an_answer_and_use_it_again(
    tmp_path: Path,
) -> None:
    with stores.object_store(tmp_path) as server:
        await server.until_up()
        await stores.make_bucket(server)
        async with tcp_proxy(server.port) as line:
            objects = open_objects(stores.BUCKET, f"http://{line.host}", None, CALL_SECONDS)
            store = GuardedArtifactStore(GcsArtifactStore(objects, LinkSigner()), "a bucket")
            await store.put("dep-1", "plan.txt", [b"a plan"])
            for _ in range(3):
                with pytest.raises(NotFound):
                    await store.open("dep-1", "other.txt")
            line.mode = Mode.BLACK_HOLE
            line.cut()
            begin = time.monotonic()
            for _ in range(20):
                with pytest.raises(Unavailable):
                    await store.entries("dep-1")
            assert time.monotonic() - begin < 3 * CALL_SECONDS
            line.mode = Mode.PASS
            line.cut()

            async def is_used() -> bool:
                try:
                    return len(await store.entries("dep-1")) == 1
                except Unavailable:
                    return False

            await eventually(is_used, "the use of the bucket", 30)
