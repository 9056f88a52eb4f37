"""What every log sink that can be read back keeps: each line once, in order, no gap unseen."""

from pathlib import Path

import pytest

from adapters.file_changes import FileChanges
from adapters.local_log import LocalLogSink, LocalLogSource
from deployments.errors import LogGap
from deployments.events import EndKind, EventChunk, EventId, Seal

DEPLOYMENT = "dep-contract"


def chunk(segment: int, first: int, last: int) -> EventChunk:
    lines = (b'{"id":"%d-%d"}\n' % (segment, line) for line in range(first, last + 1))
    return EventChunk(segment, first, last, b"".join(lines))


async def read(root: Path, after: EventId) -> list[bytes]:
    changes = FileChanges()
    chunks = await LocalLogSource(root, changes).read(DEPLOYMENT, after, 1_000_000)
    changes.close()
    return [line for one in chunks for line in one.data.splitlines()]


async def test_a_repeat_changes_nothing(tmp_path: Path) -> None:
    sink = LocalLogSink(tmp_path)
    await sink.write(DEPLOYMENT, chunk(1, 1, 3))
    await sink.write(DEPLOYMENT, chunk(1, 1, 3))
    await sink.write(DEPLOYMENT, chunk(1, 2, 5))
    assert await read(tmp_path, EventId(0, 0)) == chunk(1, 1, 5).data.splitlines()


async def test_a_gap_is_refused(tmp_path: Path) -> None:
    sink = LocalLogSink(tmp_path)
    with pytest.raises(LogGap):
        await sink.write(DEPLOYMENT, chunk(1, 2, 3))


async def test_a_reader_goes_on_behind_its_cursor_and_over_segments(tmp_path: Path) -> None:
    sink = LocalLogSink(tmp_path)
    await sink.write(DEPLOYMENT, chunk(1, 1, 3))
    await sink.seal(DEPLOYMENT, Seal(1, EndKind.COMPLETE, 3, "00"))
    await sink.write(DEPLOYMENT, chunk(2, 1, 2))
    lines = await read(tmp_path, EventId(1, 2))
    assert lines[0] == b'{"id":"1-3"}'
    assert b'"end":"complete"' in lines[1]
    assert lines[2:] == chunk(2, 1, 2).data.splitlines()


async def test_a_torn_last_line_is_cut(tmp_path: Path) -> None:
    sink = LocalLogSink(tmp_path)
    await sink.write(DEPLOYMENT, chunk(1, 1, 2))
    with (tmp_path / DEPLOYMENT / "segments" / "1" / "events.jsonl").open("ab") as file:
        file.write(b'{"id":"1-')
    await sink.write(DEPLOYMENT, chunk(1, 3, 3))
    assert await read(tmp_path, EventId(1, 0)) == chunk(1, 1, 3).data.splitlines()
