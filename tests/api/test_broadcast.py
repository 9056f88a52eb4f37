"""Many viewers of one deployment: read once, encoded once, each line once for each of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from api.services.container import Services
from api.services.placement import Placement
from api.streaming import broadcast, viewer
from api.streaming.broadcast import Broadcast, BroadcastRegistry
from api.streaming.frames import Frame
from api.streaming.stored_frames import StoredFrames
from api.streaming.viewer import Viewer
from deployments.deployment import DEFAULT_TENANT
from deployments.errors import Unavailable
from deployments.events import EndKind, EndRecord, EventChunk, EventId
from deployments.execution import Caller
from deployments.log_ports import LogSource
from tests.api.scripted import deploy, finish, stored, write
from tests.support.logs import EventFileSink, sealed
from tests.support.servers import eventually

START = EventId(0, 0)
LOCAL = Caller(DEFAULT_TENANT, "local")


class Counting:
    """A source that counts who reads, and can be away, behind or elsewhere."""

    name = "redis,gcs"
    label = "Redis, Cloud Storage"

    def __init__(self, source: LogSource) -> None:
        self.source = source
        self.where = "redis"
        self.reads: list[EventId] = []
        self.follows: list[EventId] = []
        self.away = False
        self.behind = False

    def reading(self, deployment: str) -> str:
        return self.where

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        self.reads.append(after)
        if self.away:
            raise Unavailable("away")
        found = await self.source.read(deployment, after, max_bytes)
        return [] if self.behind else found

    def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        self.follows.append(after)
        return self.source.follow(deployment, after)


@dataclass
class Hall:
    """One deployment and those who watch it."""

    id: str
    services: Services
    source: Counting
    broadcasts: BroadcastRegistry
    client: Client
    runs: Path

    async def viewer(self, after: EventId = START) -> AsyncIterator[list[Frame]]:
        snapshot = await self.services.deployments.get(LOCAL, self.id)
        viewer = Viewer(self.services, self.broadcasts, snapshot, after)
        async with aclosing(viewer.frames()) as parts:
            async for frames in parts:
                yield list(frames)

    async def read(self, after: EventId = START) -> list[Frame]:
        return [frame async for frames in self.viewer(after) for frame in frames]

    async def on_the_ring(self, cursor: EventId, viewers: int = 1) -> None:
        """Return when so many watch, and who has all up to here needs the store no more."""
        snapshot = await self.services.deployments.get(LOCAL, self.id)
        one = self.broadcasts.join(snapshot)

        def there() -> bool:
            return one.viewers > viewers and one.place(cursor) is not None and one._at >= cursor

        await eventually(there, "the viewers")
        self.broadcasts.leave(one)

    async def write(self, step: int, lines: int) -> EndRecord:
        return await write(self.runs, self.id, step, lines)

    async def finish(self, *seals: EndRecord) -> None:
        await finish(self.client, self.id, *seals)


@pytest.fixture
async def hall(
    api: httpx.AsyncClient, services: Services, client: Client, worker: None, tmp_path: Path
) -> Hall:
    source = Counting(services.logs)
    labels = {"redis": "Redis", "gcs": "Cloud Storage"}
    counted = replace(services, logs=source, source_labels=labels)
    return Hall(await deploy(api), counted, source, BroadcastRegistry(counted), client, tmp_path)


def logs(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.event == "log"]


def ids(frames: list[Frame]) -> list[str]:
    return [line[0] for log in logs(frames) for line in json.loads(log.content)["lines"]]


def expected(*lines: int) -> list[str]:
    """Every id of steps with so many lines."""
    return [f"{number}-{n}" for number, most in enumerate(lines, 1) for n in range(1, most + 1)]


async def test_a_log_is_followed_once_and_encoded_once_for_all(hall: Hall) -> None:
    tasks = [asyncio.create_task(hall.read()) for _ in range(30)]
    await hall.on_the_ring(START, 30)
    await hall.finish(await hall.write(1, 700), await hall.write(2, 40))
    first, *others = await asyncio.gather(*tasks)
    assert hall.source.follows == [START]
    assert ids(first) == expected(700, 40)
    for other in others:
        assert list(map(id, logs(other))) == list(map(id, logs(first)))


@pytest.mark.parametrize("after", [START, EventId(1, 0), EventId(1, 7), EventId(1, 600)])
async def test_one_that_comes_later_misses_no_line(hall: Hall, after: EventId) -> None:
    """The ring held what it needed, and it was given only what came after it had joined."""
    first = asyncio.create_task(hall.read())
    await hall.on_the_ring(START)
    seals = [await hall.write(1, 700)]
    await hall.on_the_ring(EventId(1, 701))
    second = asyncio.create_task(hall.read(after))
    await hall.on_the_ring(START, 2)
    seals.append(await hall.write(2, 40))
    await hall.finish(*seals)
    assert ids(await first) == expected(700, 40)
    assert ids(await second) == [item for item in expected(700, 40) if EventId.parse(item) > after]


async def test_viewers_that_come_together_read_the_store_once(hall: Hall) -> None:
    seals = [await hall.write(1, 5000), await hall.write(2, 10)]
    tasks = [asyncio.create_task(hall.read()) for _ in range(40)]
    await hall.on_the_ring(EventId(2, 11), 40)
    await hall.finish(*seals)
    for item in await asyncio.gather(*tasks):
        assert ids(item) == expected(5000, 10)
    filled = [read for read in hall.source.reads if read < EventId(2, 11)]
    assert len(filled) == len(set(filled)) > 2


async def test_one_that_falls_behind_reads_from_the_store_again(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_RING_BYTES", 50_000)
    slow = hall.viewer()
    found = await anext(slow)
    quick = asyncio.create_task(hall.read())
    await hall.on_the_ring(START)
    seals = [await hall.write(1, 3000)]
    await hall.on_the_ring(EventId(1, 3001))
    seals.append(await hall.write(2, 10))
    await hall.finish(*seals)
    found += [frame async for frames in slow for frame in frames]
    assert ids(await quick) == expected(3000, 10)
    assert ids(found) == expected(3000, 10)
    assert found[-1].event == "end"


async def test_a_stop_while_one_catches_up_skips_no_line(hall: Hall) -> None:
    """The shared lines behind the gap were sent, and moved its cursor over the lines before."""
    await hall.write(1, 5000)
    quick = asyncio.create_task(hall.read(EventId(1, 5001)))
    await hall.on_the_ring(EventId(1, 5001))
    late = hall.viewer()
    found = await anext(late)
    while not logs(found):
        found += await anext(late)
    await hall.write(2, 10)
    await hall.on_the_ring(EventId(2, 11))
    hall.services.stopping.set()
    found += [frame async for frames in late for frame in frames]
    assert ids(found) == expected(5000)[: len(ids(found))]
    assert found[-1].event == "bye"
    assert ids(await quick) == [f"2-{n}" for n in range(1, 11)]


async def test_one_whose_store_is_behind_at_the_end_is_told_to_come_back(hall: Hall) -> None:
    seal = await hall.write(1, 20)
    quick = asyncio.create_task(hall.read(EventId(1, 21)))
    await hall.on_the_ring(EventId(1, 21))
    hall.source.behind = True
    slow = asyncio.create_task(hall.read())
    await hall.on_the_ring(EventId(1, 21), 2)
    await hall.finish(seal)
    assert (await quick)[-1].event == "end"
    assert (await slow)[-1].sse == b'event: bye\ndata: {"reason":"behind"}\n\n'
    hall.source.behind = False
    again = await hall.read()
    assert (ids(again), again[-1].event) == (expected(20), "end")


async def test_one_that_waits_is_pinged(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    assert viewer._PING_SECONDS == 15
    monkeypatch.setattr(viewer, "_PING_SECONDS", 0.1)
    async with asyncio.timeout(10):
        async for frames in hall.viewer():
            if any(frame.sse == b"event: ping\ndata: {}\n\n" for frame in frames):
                break


async def test_a_store_that_is_away_is_asked_again(hall: Hall) -> None:
    hall.source.away = True
    task = asyncio.create_task(hall.read())
    await eventually(lambda: hall.source.reads, "the first try")
    hall.source.away = False
    await hall.finish(await hall.write(1, 3))
    assert ids(await task) == expected(3)


async def test_a_change_of_the_source_is_told_and_told_to_who_comes_later(hall: Hall) -> None:
    first = asyncio.create_task(hall.read())
    await hall.on_the_ring(START)
    hall.source.where = "gcs"
    seals = [await hall.write(1, 3)]
    await hall.on_the_ring(EventId(1, 4))
    second = asyncio.create_task(hall.read())
    await hall.on_the_ring(START, 2)
    hall.source.where = "redis"
    seals.append(await hall.write(2, 3))
    await hall.finish(*seals)
    wanted = [
        {"source": "gcs", "label": "reading from Cloud Storage"},
        {"source": "redis", "label": "reading from Redis again"},
    ]
    for found in (await first, await second):
        assert [json.loads(entry.content) for entry in found if entry.event == "source"] == wanted
        events = [item.event for item in found]
        assert events.index("source") < events.index("log"), "before the first line from there"
        assert ids(found) == expected(3, 3)


async def test_another_host_that_has_the_log_is_named_alike_to_a_later_viewer(hall: Hall) -> None:
    services = replace(hall.services, placement=Placement(lambda _: False))
    snapshot = await services.deployments.get(LOCAL, hall.id)
    stream = Broadcast(services, replace(snapshot, host="0123456789ab"))
    stream.follow(START)
    async with asyncio.timeout(10):
        await stream.next_entry()
    stream.close()
    (published,) = [entry.frame for entry in stream.entries(0, 10_000)]
    assert json.loads(published.content) == {
        "source": "host:0123456789ab",
        "label": "Of this deployment the log can be read only on the disk of host 0123456789ab, "
        "which this service cannot read.",
    }
    assert published in stream.opening()


async def test_each_viewer_gets_an_exception_of_its_own(tmp_path: Path) -> None:
    """A shared exception grew by the frames of each viewer that raised it."""
    stored = StoredFrames(Failing(), "dep-1")
    errors = await asyncio.gather(
        *(stored.after(START) for _ in range(100)), return_exceptions=True
    )
    assert {type(error) for error in errors} == {Unavailable}
    assert {str(error) for error in errors} == {"the store is away"}
    assert len({id(error) for error in errors}) == 100


class Failing(Counting):
    """A source that is away after a moment."""

    def __init__(self) -> None:
        self.where = "redis"

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        await asyncio.sleep(0)
        raise Unavailable("the store is away")


async def test_a_stream_ends_only_at_the_last_end_record_of_the_result(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop of the lines for 5 s was taken for the end, and the stream ended as complete."""
    monkeypatch.setattr(broadcast, "_SILENT_LOG_SECONDS", 0.0)
    seals = [await hall.write(1, 20)]
    reading = asyncio.create_task(hall.read())
    await hall.on_the_ring(EventId(1, 21))
    missing, _ = sealed(2, 0, EndKind.NOT_STARTED)
    last, data = stored(3, 5)
    await hall.finish(*seals, missing, last)
    await EventFileSink(hall.runs).write(hall.id, data)
    done, _ = await asyncio.wait({reading}, timeout=1)
    assert not done, "step 2 is not stored yet"
    await EventFileSink(hall.runs).seal(hall.id, missing)
    frames = await asyncio.wait_for(reading, 20)
    assert ids(frames) == [*expected(20), *(f"3-{line}" for line in range(1, 6))]
    assert frames[-1].event == "end"


async def test_a_store_that_never_gets_the_last_lines_is_called_behind(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_LAGGING_LOG_SECONDS", 0.1)
    seal = await hall.write(1, 20)
    missing, _ = sealed(2, 0, EndKind.NOT_STARTED)
    await hall.finish(seal, missing)
    frames = await asyncio.wait_for(hall.read(), 20)
    assert ids(frames) == expected(20)
    assert frames[-1].sse == b'event: bye\ndata: {"reason":"behind"}\n\n'
