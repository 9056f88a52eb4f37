"""The log in Redis Streams: a stream for each step, an entry for each chunk.

An entry's id is `<step>-<last line>`: the last id is the length of the stream, and Redis refuses
a repeat. A script in Redis checks atomically that a chunk follows the last line, so repeating a
write whose response was lost changes nothing.
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

from deployments.errors import LogGap, Unavailable
from deployments.events import (
    EndRecord,
    EventChunk,
    EventId,
    chunk_after,
    last_end_record,
    steps_in_order,
)

__all__ = ["RedisLogSink", "RedisLogSource", "open_redis"]

# A healthy Redis answers in milliseconds; the shipper retries.
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
# A blocking read returns at a new entry of this step or the next, but not of a later step.
_BLOCK_MILLISECONDS = 1000
# Limit of a call; an entry holds at most 256 KiB, or a longer single line.
_MAX_ENTRIES = 4
# A late viewer catches up by a few frames of 64 KiB a call.
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


def open_redis(url: str, seconds: float = _ANSWER_SECONDS, *, password: str | None = None) -> Redis:
    """Make a client with short timeouts and no retries; `seconds` is the timeout of a response.

    `url` is `redis://…` or `rediss://…`; a password in the URL takes precedence over `password`.
    """
    return Redis.from_url(
        url,
        password=password,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )


class RedisLogSink:
    """Appends to Redis Streams; `keep_seconds` is the retention of a step after the end."""

    name = "redis"
    # A call takes about a millisecond; a viewer's frame holds 64 KiB.
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, redis: Redis, keep_seconds: int) -> None:
        self._redis = redis
        self._keep_seconds = keep_seconds

    async def generation(self) -> str:
        """A random value stored in Redis: a flush loses the value together with the log."""
        with _translated():
            await self._redis.set(_GENERATION, secrets.token_hex(8), nx=True)
            generation = await self._redis.get(_GENERATION)
        # The client returns bytes; the type stub also allows str.
        return cast("bytes", generation or b"").decode()

    async def write(self, deployment: str, chunk: EventChunk) -> int:
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
                    cast("str", chunk.data),  # bytes pass unchanged; the stub allows str alone
                )
            )
        return int(held)

    async def seal(self, deployment: str, record: EndRecord) -> int:
        """Start the retention of the step, if Redis holds all lines."""
        stream = _stream(deployment, record.step)
        with _translated():
            top = await _top(self._redis, stream)
            held = top.last if top else 0
            if held == record.id.line:
                await self._redis.expire(stream, self._keep_seconds)
                await self._redis.expire(_steps(deployment), self._keep_seconds)
        return held


class RedisLogSource:
    """Reads Redis Streams; a blocking read wakes a follower."""

    name = "redis"
    label = "Redis"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def reading(self, deployment: str) -> str:
        return self.name

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        chunks: list[EventChunk] = []
        left = max_bytes
        with _translated():
            for step in await self._numbers(deployment, after):
                line = after.line if step == after.step else 0
                while left > 0 and (entries := await self._entries(deployment, step, line)):
                    chunks += entries
                    left -= sum(len(chunk.data) for chunk in entries)
                    line = entries[-1].last
                if left <= 0 or not await self._has_ended(deployment, step, line, chunks):
                    break
        return chunks

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        while True:
            if chunks := await self.read(deployment, after, _FOLLOW_BYTES):
                after = chunks[-1].id
                yield chunks
                continue
            with _translated():
                await self._redis.xread(
                    {
                        _stream(deployment, after.step): str(after),
                        # The first entry of the next step ends the call as well.
                        _stream(deployment, after.step + 1): "0-0",
                    },
                    count=1,
                    block=_BLOCK_MILLISECONDS,
                )

    async def _numbers(self, deployment: str, after: EventId) -> list[int]:
        names = await _answer(self._redis.smembers(_steps(deployment)))
        numbers = {int(name) for name in names}
        if after.line > 0 and after.step not in numbers:
            raise LogGap("Redis no longer holds this log")
        return steps_in_order(numbers, after)

    async def _entries(self, deployment: str, step: int, line: int) -> list[EventChunk]:
        entries = await self._redis.xrange(
            _stream(deployment, step), min=f"{step}-{line + 1}", count=_MAX_ENTRIES
        )
        chunks = []
        for chunk in _chunks(entries):
            if chunk.first > line + 1:
                raise LogGap(f"Redis lacks line {line + 1} of step {step}")
            chunks.append(chunk_after(chunk, line))
            line = chunk.last
        return chunks

    async def _has_ended(
        self, deployment: str, step: int, line: int, read: list[EventChunk]
    ) -> bool:
        """Whether the line at the cursor is the end record of the step."""
        if read and read[-1].step == step:
            return last_end_record(read[-1].data) is not None
        top = await _top(self._redis, _stream(deployment, step))
        if top is None:
            # The set of steps names the stream, which has expired.
            raise LogGap(f"Redis no longer holds step {step}")
        return top.last == line and last_end_record(top.data) is not None


async def _top(redis: Redis, stream: str) -> EventChunk | None:
    return next(_chunks(await redis.xrevrange(stream, count=1)), None)


def _chunks(entries: Any) -> Iterator[EventChunk]:  # noqa: ANN401 - types of the library
    for name, fields in entries or ():
        step, _, last = name.decode().partition("-")
        yield EventChunk(int(step), int(fields[b"first"]), int(last), fields[b"data"])


async def _answer(call: Awaitable[Any] | Any) -> Any:  # noqa: ANN401 - types of the library
    return await call


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        _raise_if_cancelled()
        raise Unavailable(f"Redis: {type(error).__name__}: {error}") from None
    _raise_if_cancelled()


def _raise_if_cancelled() -> None:
    """Redis 8.1 swallows a cancel during a handshake or at the end of a read (measured)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


# The braces put all keys of a deployment on the same node of a cluster: the script needs both.
def _stream(deployment: str, step: int) -> str:
    return f"anava:{{{deployment}}}:log:{step}"


def _steps(deployment: str) -> str:
    return f"anava:{{{deployment}}}:steps"
