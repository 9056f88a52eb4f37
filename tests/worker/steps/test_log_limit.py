"""A log at its limit ends with a line that says so; progress and result stay complete."""

import asyncio
import json
import sys
import threading
from pathlib import Path

import pytest

from adapters.local.event_file import EVENT_FILE, read_end_record
from adapters.local.log_archive import as_text
from deployments.events import LIMIT_NOTICE, EndKind, EndRecord
from deployments.log_text import hole_text
from deployments.size_limit import ALWAYS_BYTES, SizeLimit
from tests.worker.steps.event_logs import log_of, started_step
from worker.steps.event_log import EventLog

LINES = 1_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return started_step(tmp_path)


def spool(folder: Path, lines: int) -> None:
    text = "".join(f"line {line}\n" for line in range(1, lines + 1))
    done = {"type": "change_summary", "changes": {"add": 7, "operation": "apply"}}
    (folder / "spool").write_text(text + json.dumps({"@message": "done", **done}) + "\n")


async def logged(
    folder: Path, limit_bytes: int = sys.maxsize, limit: SizeLimit | None = None
) -> tuple[EventLog, EndRecord]:
    log = log_of(folder, limit_bytes, limit)
    await log.pump()
    record = await log.close()
    log.release()
    return log, record


def events(folder: Path) -> list[dict[str, object]]:
    *lines, _ = (folder / EVENT_FILE).read_bytes().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("limit", [1, 99, 5_000, 20_000])
async def test_the_log_ends_with_a_line_that_says_so(folder: Path, limit: int) -> None:
    spool(folder, LINES)
    log, record = await logged(folder, limit)
    written = events(folder)
    assert [event["id"] for event in written] == [f"3-{n}" for n in range(1, len(written) + 1)]
    assert str(written[-1]["text"]).startswith(LIMIT_NOTICE)
    assert not any(str(event["text"]).startswith(LIMIT_NOTICE) for event in written[:-1])
    assert record.end is EndKind.LIMITED
    assert record.lines == len(written)
    # With the notice in place of the first line that is missing.
    assert record.missing_after == len(written) - 1
    assert record.missing_after + record.missing_lines == LINES + 1
    assert read_end_record(folder / EVENT_FILE) == record
    # Within the limit but for the notice and the end record.
    assert (folder / EVENT_FILE).stat().st_size <= limit + 1_000
    assert log.accumulator.counts.add == 7, "the end of terraform's output was not read"
    assert "has reached its limit" in b"".join(as_text([folder / EVENT_FILE])).decode()


async def test_a_log_of_exactly_the_limit_is_complete(folder: Path) -> None:
    spool(folder, LINES)
    await logged(folder, 10**9)
    size = sum(len(line) + 1 for line in (folder / EVENT_FILE).read_bytes().splitlines()[:-1])
    (folder / EVENT_FILE).unlink()
    assert (await logged(folder, size))[1].end is EndKind.COMPLETE
    (folder / EVENT_FILE).unlink()
    assert (await logged(folder, size - 1))[1].end is EndKind.LIMITED


@pytest.mark.parametrize("limit_of_the_next", [1, 5_000, 10**9])
async def test_the_next_worker_writes_nothing_behind_the_notice(
    folder: Path, limit_of_the_next: int
) -> None:
    """Also where an operator has changed the limit: a line behind the notice would be a lie."""
    spool(folder, LINES)
    expected = (await logged(folder, 5_000))[1]
    whole = (folder / EVENT_FILE).read_bytes()
    (folder / EVENT_FILE).unlink()
    spool(folder, LINES // 2)
    first = log_of(folder, 5_000)
    await first.pump()
    first.release()
    spool(folder, LINES)
    log, record = await logged(folder, limit_of_the_next)
    assert record == expected
    assert (folder / EVENT_FILE).read_bytes() == whole
    assert log.accumulator.counts.add == 7


async def test_terraform_writes_on_while_the_log_is_full(folder: Path) -> None:
    log = log_of(folder, 5_000)
    for lines in (100, 500, LINES):
        spool(folder, 0)
        with (folder / "spool").open("a") as file:
            file.writelines(f"line {line}\n" for line in range(lines))
        await asyncio.wait_for(log.pump(), 30)
    assert (await log.close()).end is EndKind.LIMITED
    log.release()
    progress = json.loads((folder / "progress.json").read_text())
    assert progress["until"] == f"3-{len(events(folder))}"


class Share:
    """What an owner has left, as a thread counts it."""

    def __init__(self, share_bytes: int) -> None:
        self._bytes = share_bytes
        self._loop = threading.get_ident()
        self.counts = 0

    def __call__(self) -> int:
        assert threading.get_ident() != self._loop, "the event loop waits for a count"
        self.counts += 1
        return self._bytes


# 1.5 MB of events.
MANY = 12_000
OWNERS = "the owner's deployments have reached their limit on the host"


async def test_the_log_ends_with_a_line_that_names_the_limit_of_the_owner(folder: Path) -> None:
    """An owner who deployed without pause filled the disk of all owners."""
    spool(folder, MANY)
    share = Share(ALWAYS_BYTES)
    log, record = await logged(folder, limit=SizeLimit(owner_share=share))
    notice = str(events(folder)[-1]["text"])
    assert notice.startswith(LIMIT_NOTICE)
    assert OWNERS in notice
    assert "An operator can shorten the retention of earlier deployments or raise the" in notice
    assert (record.end, share.counts) == (EndKind.LIMITED, 1)
    assert OWNERS in hole_text(record)
    assert record.missing_after + record.missing_lines == MANY + 1
    assert ALWAYS_BYTES * 0.99 < (folder / EVENT_FILE).stat().st_size < ALWAYS_BYTES + 1_000
    assert log.accumulator.counts.add == 7


async def test_a_log_of_ordinary_size_is_whole_and_needs_no_count(folder: Path) -> None:
    spool(folder, LINES)
    share = Share(0)
    _, record = await logged(folder, limit=SizeLimit(owner_share=share))
    assert (record.end, share.counts) == (EndKind.COMPLETE, 0)


async def test_the_logs_of_earlier_steps_count(folder: Path) -> None:
    spool(folder, LINES)
    limit = SizeLimit(owner_share=Share(0), used_bytes=ALWAYS_BYTES)
    _, record = await logged(folder, limit=limit)
    assert (record.end, record.missing_after) == (EndKind.LIMITED, 0)


@pytest.mark.parametrize("share_of_the_next", [0, ALWAYS_BYTES * 10])
async def test_the_next_worker_names_the_limit_that_the_notice_names(
    folder: Path, share_of_the_next: int
) -> None:
    spool(folder, MANY)
    first = log_of(folder, limit=SizeLimit(owner_share=Share(ALWAYS_BYTES)))
    await first.pump()
    first.release()
    _, record = await logged(folder, limit=SizeLimit(10, Share(share_of_the_next)))
    assert OWNERS in record.cause
    assert record.lines == len(events(folder))
