"""A worker composes a step and deletes its chunks between any two requests of a reader."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from google.cloud.storage import Blob, Client

from adapters.gcs.log import GcsLogSink, GcsLogSource
from adapters.gcs.objects import Objects, open_objects
from deployments.errors import LogGap
from deployments.events import EventId
from tests.support import stores
from tests.support.ids import deployment_id
from tests.support.logs import START, chunk, sealed

LINES = 3


class InterruptedObjects(Objects):
    """Runs `meanwhile` once, before the first request of the kind in `before`."""

    def __init__(self, client: Client, endpoint: str) -> None:
        super().__init__(client, stores.BUCKET, endpoint)
        self.before = ""
        self.meanwhile: Callable[[], object] = lambda: None

    def get(self, name: str) -> Blob | None:
        self._interrupt("get")
        return super().get(name)

    def entries(self, prefix: str) -> list[Blob]:
        self._interrupt("entries")
        return super().entries(prefix)

    def read_part(self, blob: Blob, start: int, end: int) -> bytes:
        self._interrupt("read_part")
        return super().read_part(blob, start, end)

    def _interrupt(self, request: str) -> None:
        if request == self.before:
            self.before = ""
            self.meanwhile()


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Objects, InterruptedObjects]]:
    """The bucket as a worker and as a reader see it."""
    with stores.object_store(tmp_path) as server:
        await server.until_up()
        await stores.make_bucket(server)
        objects = open_objects(stores.BUCKET, f"http://{server.host}", None)
        interrupted = InterruptedObjects(objects._bucket.client, f"http://{server.host}")
        yield objects, interrupted


@pytest.mark.parametrize("before", ["get", "entries", "read_part"])
@pytest.mark.parametrize("after", [START, EventId(1, 2)])
async def test_a_reader_gets_each_line_of_a_step_that_is_composed_meanwhile(
    two: tuple[Objects, InterruptedObjects], before: str, after: EventId
) -> None:
    objects, interrupted = two
    deployment = deployment_id("composed")
    sink, source = GcsLogSink(objects), GcsLogSource(interrupted)
    seal, end = sealed(1, LINES)
    for line in range(1, LINES + 1):
        await sink.write(deployment, chunk(1, line, line))
    await sink.write(deployment, end)
    interrupted.before = before
    interrupted.meanwhile = lambda: sink._seal(f"logs/{deployment}/{1:010}", seal)
    received = await source.read(deployment, after, 1_000_000)
    lines = [line for part in received for line in part.data.splitlines()]
    everything = [*chunk(1, 1, LINES).data.splitlines(), end.data[:-1]]
    assert lines == everything[after.line :]
    assert interrupted.before == ""


async def test_a_writer_after_another_worker_composed_the_step_adds_no_chunk(
    two: tuple[Objects, InterruptedObjects],
) -> None:
    objects, interrupted = two
    deployment = deployment_id("composed")
    sink, late = GcsLogSink(objects), GcsLogSink(interrupted)
    seal, end = sealed(1, LINES)
    await sink.write(deployment, chunk(1, 1, LINES))
    await sink.write(deployment, end)
    interrupted.before = "entries"
    interrupted.meanwhile = lambda: sink._seal(f"logs/{deployment}/{1:010}", seal)
    assert await late.write(deployment, chunk(1, 1, LINES)) == LINES + 1
    names = [blob.name for blob in objects.entries(f"logs/{deployment}/")]
    assert sorted(names) == [
        f"logs/{deployment}/{1:010}.index.json",
        f"logs/{deployment}/{1:010}.jsonl.gz",
    ]


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_lost_chunk_is_a_gap_and_never_skipped(
    two: tuple[Objects, InterruptedObjects], lost: int
) -> None:
    objects, interrupted = two
    deployment = deployment_id("lost")
    sink = GcsLogSink(objects)
    for line in range(1, LINES + 1):
        await sink.write(deployment, chunk(1, line, line))
    objects.remove(objects.entries(f"logs/{deployment}/")[lost])
    with pytest.raises(LogGap):
        await GcsLogSource(interrupted).read(deployment, START, 1_000_000)
