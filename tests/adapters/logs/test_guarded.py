"""A log is read in its own time while a store is away: refused, frozen or behind a lost route."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters import circuit_breaker
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.logs.fallback import FallbackLogSource
from adapters.logs.guarded import GuardedLogSource
from adapters.redis.log import RedisLogSink, RedisLogSource, open_redis
from api.services.log_reader import LogReader
from deployments.errors import LogGap, Unavailable
from deployments.events import EventId
from tests.support import stores
from tests.support.ids import deployment_id
from tests.support.logs import START, EventFileSink, chunk, sealed
from tests.support.servers import eventually
from tests.support.tcp_proxy import Mode, TcpProxy, tcp_proxy

DEPLOYMENT, OTHER = map(deployment_id, ("a", "b"))
LINES = 36_000
# Of a call in these tests; a page of the log is a call or more.
ANSWER_SECONDS = 1.0
PAGE_LINES = 1000


@asynccontextmanager
async def fault(name: str, server: stores.Store, line: TcpProxy) -> AsyncIterator[None]:
    """Redis is away in one of the ways that it can be."""
    if name == "frozen":
        server.signal(signal.SIGSTOP)
        yield
        server.signal(signal.SIGCONT)
    elif name == "refused":
        await line.down()
        yield
        await line.up()
    else:
        line.mode = Mode.BLACK_HOLE
        line.cut()
        yield
        line.mode = Mode.PASS
        line.cut()


class Reader:
    """Reads the log of a deployment that is in Redis and on this machine."""

    def __init__(self, run_root: Path, host: str) -> None:
        self.changes = FileChanges()
        self.redis = open_redis(f"redis://{host}", ANSWER_SECONDS)
        self.guarded = GuardedLogSource(RedisLogSource(self.redis))
        self.local = LocalLogSource(run_root, self.changes)
        self.source = FallbackLogSource([self.guarded, self.local])

    async def lines(self) -> int:
        """Read the log page by page; the number of lines."""
        reader, after, count = LogReader(self.source, DEPLOYMENT), START, 0
        while (page := await reader.forward(after, PAGE_LINES)).events:
            count += len(page.events)
            after = page.cursor
        return count

    async def close(self) -> None:
        await self.redis.aclose()
        self.changes.close()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[Reader, stores.Store, TcpProxy]]:
    with stores.redis() as server:
        await server.until_up()
        async with tcp_proxy(server.port) as line:
            reader = Reader(tmp_path, line.host)
            sink = RedisLogSink(reader.redis, 3600)
            local = EventFileSink(tmp_path)
            for first in range(1, LINES, PAGE_LINES):
                part = chunk(1, first, first + PAGE_LINES - 1)
                await sink.write(DEPLOYMENT, part)
                await local.write(DEPLOYMENT, part)
            await sink.write(DEPLOYMENT, sealed(1, LINES)[1])
            await local.write(DEPLOYMENT, sealed(1, LINES)[1])
            yield reader, server, line
            await reader.close()


@pytest.mark.parametrize("name", ["refused", "frozen", "black hole"])
async def test_a_log_is_read_as_fast_as_without_redis_and_redis_is_used_again(
    opened: tuple[Reader, stores.Store, TcpProxy], name: str
) -> None:
    """Each page waited for the timeout of Redis: 36,000 lines took 175 s."""
    reader, server, line = opened
    assert await reader.lines() == LINES
    async with fault(name, server, line):
        begin = time.monotonic()
        assert await reader.lines() == LINES
        # A single timeout, and what tests of the store may take: far from a timeout a page.
        assert time.monotonic() - begin < 5 * ANSWER_SECONDS
        with pytest.raises(Unavailable):
            await reader.guarded.read(DEPLOYMENT, START, 1)

    async def is_used() -> bool:
        try:
            return bool(await reader.guarded.read(DEPLOYMENT, START, 1))
        except Unavailable:
            return False

    await eventually(is_used, "the use of Redis", 30)


async def test_a_follower_changes_the_source_and_marks_the_store_as_failed(
    opened: tuple[Reader, stores.Store, TcpProxy],
) -> None:
    reader, server, line = opened
    seen: list[EventId] = []

    async def follow() -> None:
        async for chunks in reader.guarded.follow(DEPLOYMENT, EventId(1, LINES)):
            seen.extend(part.id for part in chunks)

    following = asyncio.create_task(follow())
    await eventually(lambda: seen == [EventId(1, LINES + 1)], "the end record")
    async with fault("frozen", server, line):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(following, 20)
        begin = time.monotonic()
        with pytest.raises(Unavailable):
            await anext(reader.guarded.follow(DEPLOYMENT, START))
        assert time.monotonic() - begin < ANSWER_SECONDS / 2 + circuit_breaker._TEST_SECONDS


async def test_a_store_that_lost_a_log_is_not_left_alone(
    opened: tuple[Reader, stores.Store, TcpProxy],
) -> None:
    reader, _, _ = opened
    with pytest.raises(LogGap):
        await reader.guarded.read(OTHER, EventId(1, 3), 1)
    assert await reader.guarded.read(DEPLOYMENT, START, 1)
