"""Which store a log is followed from, while one of them goes and comes back."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.logs import fallback
from adapters.logs.fallback import FallbackLogSource
from adapters.redis.log import RedisLogSink, RedisLogSource, open_redis
from tests.support import stores
from tests.support.ids import deployment_id
from tests.support.logs import START, EventFileSink, chunk
from tests.support.servers import eventually

DEPLOYMENT = deployment_id("a")


async def test_a_store_that_is_back_is_read_again_also_when_nothing_new_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback, "_RETURN_SECONDS", 0.1)
    monkeypatch.setattr(fallback, "_SILENCE_SECONDS", 0.1)
    changes = FileChanges()
    with stores.redis() as server:
        await server.until_up()
        client = open_redis(f"redis://{server.host}")
        source = FallbackLogSource([RedisLogSource(client), LocalLogSource(tmp_path, changes)])
        seen: list[bytes] = []

        async def follow() -> None:
            async for chunks in source.follow(DEPLOYMENT, START):
                seen.extend(line for chunk in chunks for line in chunk.data.splitlines())

        await EventFileSink(tmp_path).write(DEPLOYMENT, chunk(1, 1, 3))
        await RedisLogSink(client, 60).write(DEPLOYMENT, chunk(1, 1, 3))
        task = asyncio.create_task(follow())
        await eventually(lambda: len(seen) == 3, "the lines")
        server.kill()
        await eventually(lambda: source.reading(DEPLOYMENT) == "local", "the other store")
        server.start()
        await server.until_up()
        await RedisLogSink(client, 60).write(DEPLOYMENT, chunk(1, 1, 3))
        await eventually(lambda: source.reading(DEPLOYMENT) == "redis", "the return")
        task.cancel()
        await asyncio.wait({task})
        await client.aclose()
    changes.close()
    assert seen == chunk(1, 1, 3).data.splitlines()


async def test_one_that_ends_says_nothing_of_another_that_goes_on(tmp_path: Path) -> None:
    changes = FileChanges()
    local = LocalLogSource(tmp_path, changes)
    client = open_redis("redis://127.0.0.1:1")
    source = FallbackLogSource([RedisLogSource(client), local])
    await EventFileSink(tmp_path).write(DEPLOYMENT, chunk(1, 1, 3))
    async with aclosing(source.follow(DEPLOYMENT, START)) as first:
        await anext(first)
        async with aclosing(source.follow(DEPLOYMENT, START)) as second:
            await anext(second)
            await first.aclose()
            assert source.reading(DEPLOYMENT) == "local"
    assert source.reading(DEPLOYMENT) == "redis"
    await client.aclose()
    changes.close()
