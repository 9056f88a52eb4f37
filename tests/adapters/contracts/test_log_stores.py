"""What every store of the log keeps, on real servers: each line once, in order, no gap unseen."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.logs.fallback import FallbackLogSource
from adapters.redis.log import RedisLogSink, RedisLogSource, open_redis
from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId
from deployments.log_verification import Verdict, verify
from tests.adapters.contracts.event_files import Kept
from tests.support import stores
from tests.support.ids import deployment_id
from tests.support.logs import START, EventFileSink, chunk, end_of, sealed

DEPLOYMENT, FLUSHED, FULL = map(deployment_id, ("a", "flushed", "full"))


async def test_what_follows_is_kept_and_anything_else_changes_nothing(kept: Kept) -> None:
    write, deployment = kept.sink.write, kept.deployment
    assert await write(deployment, chunk(1, 2, 3)) == 0, "a gap"
    assert await write(deployment, chunk(1, 1, 3)) == 3
    assert await write(deployment, chunk(1, 1, 3)) == 3, "a repeat"
    held = await write(deployment, chunk(1, 2, 5))
    assert held in {3, 5}, "an overlap is cut or refused"
    assert await write(deployment, chunk(1, held + 1, 7)) == 7
    assert await write(deployment, chunk(1, 10, 12)) == 7, "a gap"
    assert await kept.all() == chunk(1, 1, 7).data.splitlines()


async def test_a_seal_is_taken_only_with_its_end_record_and_repeats(kept: Kept) -> None:
    seal, end = sealed(1, 40)
    await kept.sink.write(kept.deployment, chunk(1, 1, 40))
    if kept.source.name != "local":
        assert await kept.sink.seal(kept.deployment, seal) == 40
    await kept.sink.write(kept.deployment, end)
    assert await kept.sink.seal(kept.deployment, seal) == 41
    assert await kept.sink.seal(kept.deployment, seal) == 41
    assert await kept.sink.write(kept.deployment, chunk(1, 1, 3)) == 41, "late lines change nothing"
    *lines, last = await kept.all()
    assert lines == chunk(1, 1, 40).data.splitlines()
    assert last + b"\n" == end.data


async def test_many_chunks_are_sealed_as_one(kept: Kept) -> None:
    """Cloud Storage composes 32 objects at once; these are more."""
    seal, end = sealed(1, 70)
    for line in range(1, 71):
        await kept.sink.write(kept.deployment, chunk(1, line, line))
    await kept.sink.write(kept.deployment, end)
    assert await kept.sink.seal(kept.deployment, seal) == 71
    *lines, _ = await kept.all()
    assert lines == chunk(1, 1, 70).data.splitlines()
    assert (await kept.all(EventId(1, 65)))[:5] == chunk(1, 66, 70).data.splitlines()


@pytest.mark.parametrize("after", [EventId(0, 0), EventId(1, 2), EventId(1, 4), EventId(2, 1)])
async def test_a_reader_goes_on_at_any_cursor_and_over_steps(kept: Kept, after: EventId) -> None:
    seal, end = sealed(1, 3)
    await kept.sink.write(kept.deployment, chunk(1, 1, 3))
    await kept.sink.write(kept.deployment, end)
    await kept.sink.seal(kept.deployment, seal)
    await kept.sink.write(kept.deployment, chunk(2, 1, 2))
    everything = [
        *chunk(1, 1, 3).data.splitlines(),
        end.data[:-1],
        *chunk(2, 1, 2).data.splitlines(),
    ]
    ids = [EventId(1, 1), EventId(1, 2), EventId(1, 3), EventId(1, 4), EventId(2, 1), EventId(2, 2)]
    expected = [line for line, id in zip(everything, ids, strict=True) if id > after]
    assert await kept.all(after) == expected


async def test_the_next_step_waits_for_the_end_of_the_one_before(kept: Kept) -> None:
    await kept.sink.write(kept.deployment, chunk(1, 1, 2))
    await kept.sink.write(kept.deployment, chunk(2, 1, 2))
    assert await kept.all() == chunk(1, 1, 2).data.splitlines()


@pytest.mark.parametrize("empty", [(1,), (2,), (3,), (1, 2), (2, 3), (1, 2, 3)])
async def test_a_reader_passes_steps_without_lines(kept: Kept, empty: tuple[int, ...]) -> None:
    """First, in the middle, last and several in a row: the record of the number is a line."""
    counts = {step: 0 if step in empty else 4 for step in (1, 2, 3)}
    expected = [line for step in counts for line in await kept.step(step, counts[step])]
    assert await kept.all() == expected
    assert await kept.all(EventId(1, 1)) == expected[1:]
    seals = [sealed(step, lines, end_of(lines))[0] for step, lines in counts.items()]
    copy = await verify(kept.source, kept.deployment, seals)
    assert copy.verdict is Verdict.EQUAL, copy
    assert {step.step: step.lines for step in copy.steps} == counts


@pytest.mark.parametrize("after", [START, EventId(1, 1), EventId(1, 3)])
async def test_a_step_that_is_not_stored_yet_is_waited_for(kept: Kept, after: EventId) -> None:
    """The next step arrived first, and a reader went on with it: the missing lines never came."""
    first = await kept.step(1, 2)
    await kept.sink.write(kept.deployment, chunk(3, 1, 2))
    assert await kept.all(after) == first[after.line :]
    rest = [*await kept.step(2, 0), *chunk(3, 1, 2).data.splitlines()]
    assert await kept.all(EventId(1, 3)) == rest


async def test_a_first_step_that_is_not_stored_yet_is_waited_for(kept: Kept) -> None:
    await kept.sink.write(kept.deployment, chunk(2, 1, 2))
    assert await kept.all() == []
    first = await kept.step(1, 0)
    assert await kept.all() == [*first, *chunk(2, 1, 2).data.splitlines()]


async def test_a_follower_gets_what_comes_after_it_began(kept: Kept) -> None:
    seen: list[bytes] = []
    reached = asyncio.Event()

    async def follow() -> None:
        async for chunks in kept.source.follow(kept.deployment, EventId(1, 1)):
            for received in chunks:
                seen.extend(received.data.splitlines())
            if len(seen) >= 6:
                reached.set()

    seal, end = sealed(1, 4)
    await kept.sink.write(kept.deployment, chunk(1, 1, 2))
    task = asyncio.create_task(follow())
    await kept.sink.write(kept.deployment, chunk(1, 3, 4))
    await kept.sink.write(kept.deployment, end)
    await kept.sink.seal(kept.deployment, seal)
    await kept.sink.write(kept.deployment, chunk(2, 1, 2))
    full = asyncio.create_task(reached.wait())
    await asyncio.wait({task, full}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    assert full.done(), (seen, task)
    task.cancel()
    await asyncio.wait({task})
    assert seen == [
        *chunk(1, 2, 4).data.splitlines(),
        end.data[:-1],
        *chunk(2, 1, 2).data.splitlines(),
    ]


async def test_a_flushed_redis_says_what_it_lost_and_is_filled_again(
    servers: dict[str, stores.Store],
) -> None:
    await servers["redis"].until_up()
    client = open_redis(f"redis://{servers['redis'].host}")
    sink, source = RedisLogSink(client, 3600), RedisLogSource(client)
    await sink.write(FLUSHED, chunk(1, 1, 5))
    await client.flushall()
    with pytest.raises(Unavailable):
        await source.read(FLUSHED, EventId(1, 5), 1000)
    assert await sink.write(FLUSHED, chunk(1, 6, 7)) == 0
    assert await sink.write(FLUSHED, chunk(1, 1, 7)) == 7
    assert [item.last for item in await source.read(FLUSHED, EventId(1, 5), 1000)] == [7]
    await client.aclose()


async def test_a_full_redis_is_unavailable_and_loses_nothing() -> None:
    with stores.redis("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        await server.until_up()
        client = open_redis(f"redis://{server.host}")
        sink = RedisLogSink(client, 3600)
        first = 1

        async def fill() -> None:
            nonlocal first
            for _ in range(200):
                first = 1 + await sink.write(FULL, chunk(1, first, first + 4999))

        with pytest.raises(Unavailable, match="OutOfMemory"):
            await fill()
        await client.config_set("maxmemory", "100mb")
        assert await sink.write(FULL, chunk(1, first, first + 9)) == first + 9
        await client.aclose()


async def test_a_killed_store_is_unavailable_and_another_goes_on_behind_the_same_line(
    tmp_path: Path,
) -> None:
    changes = FileChanges()
    local = EventFileSink(tmp_path)
    with stores.redis() as server:
        await server.until_up()
        client = open_redis(f"redis://{server.host}")
        source = FallbackLogSource([RedisLogSource(client), LocalLogSource(tmp_path, changes)])
        seen: list[bytes] = []
        came = asyncio.Condition()

        async def follow() -> None:
            async for chunks in source.follow(DEPLOYMENT, START):
                async with came:
                    seen.extend(line for chunk in chunks for line in chunk.data.splitlines())
                    came.notify_all()

        async def until(count: int) -> None:
            async with asyncio.timeout(30), came:
                await came.wait_for(lambda: len(seen) >= count)

        task = asyncio.create_task(follow())
        for item in (chunk(1, 1, 3), chunk(1, 4, 6)):
            await local.write(DEPLOYMENT, item)
            await RedisLogSink(client, 60).write(DEPLOYMENT, item)
        await until(6)
        assert source.reading(DEPLOYMENT) == "redis"
        server.kill()
        await local.write(DEPLOYMENT, chunk(1, 7, 9))
        await until(9)
        assert source.reading(DEPLOYMENT) == "local"
        task.cancel()
        await asyncio.wait({task})
        await client.aclose()
    changes.close()
    assert seen == chunk(1, 1, 9).data.splitlines()


class Gap:
    """A source that lacks its first line."""

    name = "gap"
    label = "a gap"

    def reading(self, deployment: str) -> str:
        return self.name

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        raise LogGap("line 1 is missing")

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        yield await self.read(deployment, after, 1)


async def test_a_source_that_lacks_lines_is_not_read_over_its_gap(tmp_path: Path) -> None:
    changes = FileChanges()
    await EventFileSink(tmp_path).write(DEPLOYMENT, chunk(1, 1, 2))
    source = FallbackLogSource([Gap(), LocalLogSource(tmp_path, changes)])
    chunks = await source.read(DEPLOYMENT, START, 1000)
    assert [item.last for item in chunks] == [2]
    with pytest.raises(Unavailable, match="line 1 is missing"):
        await FallbackLogSource([Gap()]).read(DEPLOYMENT, START, 1000)
    changes.close()


async def test_a_torn_last_line_of_an_event_file_is_cut(tmp_path: Path) -> None:
    changes = FileChanges()
    kept = Kept(EventFileSink(tmp_path), LocalLogSource(tmp_path, changes), DEPLOYMENT)
    await kept.sink.write(DEPLOYMENT, chunk(1, 1, 2))
    with (tmp_path / DEPLOYMENT / "steps" / "1" / "events.jsonl").open("ab") as file:
        file.write(b'{"id":"1-')
    assert await kept.sink.write(DEPLOYMENT, chunk(1, 3, 3)) == 3
    assert await kept.all() == chunk(1, 1, 3).data.splitlines()
    changes.close()
