"""The log in Redis Streams: one stream a step, one entry a chunk.

An entry's id is `<step>-<last line>`, so it says by itself how far the stream goes, and Redis
refuses a repeat. Whether a chunk follows what is held is decided inside Redis, in one step, so a
write that was carried out while its answer got lost changes nothing when it comes again.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from adapters.chunks import chunk_after, has_end_record
from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId, Seal

__all__ = ["RedisLogSink", "RedisLogSource", "open_redis"]

# Redis answers in milliseconds or is not there; the shipper tries again by itself.
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
# A blocking read wakes at the first new entry; this is for what it cannot see (a skipped step).
_LOOK_MILLISECONDS = 1000
# Entries that one call may bring; each holds 256 KiB at most, or one long line.
_MOST_ENTRIES = 4
# A viewer who comes late catches up with a few frames of 64 KiB a call.
_FOLLOW_BYTES = 256 * 1024

_GENERATION = "anava:generation"

# KEYS: stream, set of steps. ARGV: step, first, last, data. Returns the last line held.
_APPEND = """
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local held = 0
if top[1] then held = tonumber(string.match(top[1][1], '%-(%d+)$')) end
if tonumber(ARGV[2]) ~= held + 1 then return held end
redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. ARGV[3], 'first', ARGV[2], 'data', ARGV[4])
redis.call('SADD', KEYS[2], ARGV[1])
return tonumber(ARGV[3])
"""


def open_redis(url: str, seconds: float = _ANSWER_SECONDS) -> Redis:
    """A client with short limits and no retries of its own.

    Args:
        url: as `redis://` or `rediss://`; it may hold a password.
        seconds: limit of one answer.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )


class RedisLogSink:
    """Port `LogSink`.

    Args:
        redis: whose connections it uses.
        keep_seconds: how long a sealed step stays.
    """

    name = "redis"
    # One call carries it in about a millisecond, and a viewer's frame holds 64 KiB.
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, redis: Redis, keep_seconds: int) -> None:
        self._redis = redis
        self._keep_seconds = keep_seconds

    async def generation(self) -> str:
        """Port `LogSink`; a flush, or a restart without persistence, loses its key as well."""
        with _translated():
            await self._redis.set(_GENERATION, secrets.token_hex(8), nx=True)
            found = await self._redis.get(_GENERATION)
        # The client answers in bytes; the stub knows texts too.
        return cast("bytes", found or b"").decode()

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
        with _translated():
            held = await _answer(
                self._redis.eval(
                    _APPEND,
                    2,
                    _stream(deployment, chunk.step),
                    _steps(deployment),
                    str(chunk.step),
                    str(chunk.first),
                    str(chunk.last),
                    cast("str", chunk.data),  # bytes pass as they are; the stub knows only str
                )
            )
        return int(held)

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`; from now on the stream ends by itself."""
        stream = _stream(deployment, seal.step)
        with _translated():
            top = await _top(self._redis, stream)
            held = top.last if top else 0
            if held == seal.lines + 1:
                await self._redis.expire(stream, self._keep_seconds)
                await self._redis.expire(_steps(deployment), self._keep_seconds)
        return held


class RedisLogSource:
    """Port `LogSource`."""

    name = "redis"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def reading(self, deployment: str) -> str:
        """Port `LogSource`."""
        return self.name

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """Port `LogSource`."""
        chunks: list[EventChunk] = []
        left = most_bytes
        with _translated():
            for step in await self._numbers(deployment, after):
                line = after.line if step == after.step else 0
                while left > 0 and (found := await self._entries(deployment, step, line)):
                    chunks += found
                    left -= sum(len(item.data) for item in found)
                    line = found[-1].last
                if left <= 0 or not await self._has_ended(deployment, step, line, chunks):
                    break
        return chunks

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        """Port `LogSource`."""
        while True:
            if chunks := await self.read(deployment, after, _FOLLOW_BYTES):
                after = chunks[-1].id
                yield chunks
                continue
            with _translated():
                await self._redis.xread(
                    {
                        _stream(deployment, after.step): str(after),
                        # The next step's first entry wakes as well.
                        _stream(deployment, after.step + 1): "0-0",
                    },
                    count=1,
                    block=_LOOK_MILLISECONDS,
                )

    async def _numbers(self, deployment: str, after: EventId) -> list[int]:
        names = await _answer(self._redis.smembers(_steps(deployment)))
        numbers = sorted(int(name) for name in names)
        if after.line > 0 and after.step not in numbers:
            raise Unavailable("Redis does not hold this log any more")
        wanted = [number for number in numbers if number >= after.step]
        if wanted and wanted[0] > after.step + 1:
            raise LogGap(f"Redis lacks step {after.step + 1}")
        return wanted

    async def _entries(self, deployment: str, step: int, line: int) -> list[EventChunk]:
        found = await self._redis.xrange(
            _stream(deployment, step), min=f"{step}-{line + 1}", count=_MOST_ENTRIES
        )
        chunks = []
        for chunk in _chunks(found):
            if chunk.first > line + 1:
                raise LogGap(f"Redis lacks line {line + 1} of step {step}")
            chunks.append(chunk_after(chunk, line))
            line = chunk.last
        return chunks

    async def _has_ended(
        self, deployment: str, step: int, line: int, read: list[EventChunk]
    ) -> bool:
        """Whether the line at the cursor is the step's end record."""
        if read and read[-1].step == step:
            return has_end_record(read[-1].data)
        top = await _top(self._redis, _stream(deployment, step))
        return top is not None and top.last == line and has_end_record(top.data)


async def _top(redis: Redis, stream: str) -> EventChunk | None:
    return next(_chunks(await redis.xrevrange(stream, count=1)), None)


def _chunks(entries: Any) -> Iterator[EventChunk]:  # noqa: ANN401 - the library's own types
    for name, fields in entries or ():
        step, _, last = name.decode().partition("-")
        yield EventChunk(int(step), int(fields[b"first"]), int(last), fields[b"data"])


async def _answer(call: Awaitable[Any] | Any) -> Any:  # noqa: ANN401 - the library's own types
    return await call


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        _heed_cancel()
        raise Unavailable(f"Redis: {type(error).__name__}: {error}") from None
    _heed_cancel()


def _heed_cancel() -> None:
    """The library swallows a cancel that meets its handshake or the end of a read (8.1, tried)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


# The braces keep a deployment's keys on one node of a cluster, as the script needs them.
def _stream(deployment: str, step: int) -> str:
    return f"anava:{{{deployment}}}:log:{step}"


def _steps(deployment: str) -> str:
    return f"anava:{{{deployment}}}:steps"
