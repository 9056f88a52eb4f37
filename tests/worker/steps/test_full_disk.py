"""The worker's own files on a full disk: what may wait waits, and the last words are written."""

import asyncio
import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import sentinel

import pytest

from adapters.local import disk_space
from adapters.local.event_file import EVENT_FILE, read_end_record
from deployments.events import EndKind
from deployments.step import ActivityToken, StepOutcome
from tests.support.servers import eventually
from tests.support.small_disk import SmallDisk, small_disk
from tests.worker.steps.event_logs import log_of, started_step
from tests.worker.steps.supervising import (
    KEY,
    TOKEN,
    FakeClaims,
    FakeStep,
    FakeTemporal,
    NoCredentials,
    supervisor_of,
)
from worker.steps.claims import Claims
from worker.steps.exit_record import read_exit
from worker.steps.runner_process import RunnerProcess, StepStatus
from worker.steps.supervisors import Supervisors

LINES = 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 32) as disk:
        yield disk


@pytest.fixture
def folder(disk: SmallDisk) -> Path:
    return started_step(disk.path)


def spool(folder: Path, lines: int) -> None:
    (folder / "spool").write_text("".join(f"line {line}\n" for line in range(1, lines + 1)))


async def test_events_of_a_full_disk_wait_and_none_is_lost(folder: Path, disk: SmallDisk) -> None:
    """A refused write lost the lines, and the end record counted none as missing."""
    log = log_of(folder)
    spool(folder, LINES)
    disk.fill()
    await log.pump()
    disk.free()
    await log.pump()
    record = await log.close()
    log.release()
    assert (record.end, record.lines) == (EndKind.COMPLETE, LINES)
    assert (folder / EVENT_FILE).read_bytes().count(b"\n") == LINES + 1


async def test_the_reserve_takes_the_end_of_the_log(folder: Path, disk: SmallDisk) -> None:
    disk_space.make_reserve(disk.path / "dep-1")
    log = log_of(folder)
    spool(folder, LINES)
    disk.fill_without_end()
    await log.pump()
    record = await log.close()
    log.release()
    assert (record.end, record.lines) == (EndKind.COMPLETE, LINES)


async def test_a_log_that_does_not_fit_is_sealed_with_its_hole(
    folder: Path, disk: SmallDisk
) -> None:
    log = log_of(folder)
    spool(folder, 100)
    await log.pump()
    spool(folder, LINES)
    disk.fill_without_end()
    record = await log.close()
    log.release()
    assert record.end is EndKind.INCOMPLETE
    assert record.lines + record.missing_lines == LINES
    assert record.missing_after == record.lines >= 100
    assert "full" in record.cause
    assert read_end_record(folder / EVENT_FILE) == record


async def test_events_that_are_lost_are_counted_also_where_the_seal_must_be_repeated(
    folder: Path, disk: SmallDisk
) -> None:
    """The repeat counted anew: of 100 lines none was in the log, and the log was complete."""
    log = log_of(folder)
    # As on a file system without fallocate(2), where the end record has no space either.
    os.truncate(folder / EVENT_FILE, 0)
    spool(folder, 100)
    disk.fill_without_end()
    with pytest.raises(OSError, match="No space"):
        await log.close()
    disk.free()
    record = await log.close()
    log.release()
    assert (record.end, record.lines) == (EndKind.INCOMPLETE, 0)
    assert record.missing_lines == 100


async def test_a_hole_in_the_spool_has_its_place_in_the_end_record(folder: Path) -> None:
    log = log_of(folder)
    (folder / "spool").write_text("first\nsecond\ncut he\nlast\n")
    record = await log.close(spool_hole=len("first\nsecond\ncut he"))
    log.release()
    assert (record.end, record.lines) == (EndKind.INCOMPLETE, 4)
    assert (record.missing_lines, record.missing_after) == (0, 3)


async def test_a_sealed_log_takes_no_space_when_it_is_opened_again(
    folder: Path, disk: SmallDisk
) -> None:
    """Each opening allocated 264 KB that stayed, and failed where the disk was full."""
    log = log_of(folder)
    spool(folder, 100)
    record = await log.close()
    log.release()
    blocks = (folder / EVENT_FILE).stat().st_blocks
    disk.fill_without_end()
    again = log_of(folder)
    assert await again.close() == record
    again.release()
    assert (folder / EVENT_FILE).stat().st_blocks == blocks


def test_a_lease_is_renewed_on_a_full_disk(folder: Path, disk: SmallDisk, tmp_path: Path) -> None:
    """The renewal failed, and with it the activity: "could not be started"."""
    claims = Claims(folder, tmp_path, "worker")
    claims.take(TOKEN)
    (folder / "step.json").write_text(
        '{"phase": "apply", "argv": [], "environment": {}, "lease_seconds": 300}'
    )
    claims.extend_lease(1000.0)
    disk.fill_without_end()
    claims.extend_lease(1010.5)
    assert (folder / "lease").read_text() == "1310.500\n"


def test_a_stop_and_a_claim_are_written_into_the_reserve(
    folder: Path, disk: SmallDisk, tmp_path: Path
) -> None:
    disk_space.make_reserve(disk.path / "dep-1")
    disk.fill_without_end()
    claims = Claims(folder, tmp_path, "worker")
    claims.take(TOKEN)
    (folder / "started.json").unlink()
    runner = RunnerProcess(disk.path / "dep-1", folder, sentinel.context, claims.check)
    assert runner.withdraw("the cause")
    record = read_exit(folder)
    assert record is not None
    assert (record.outcome, record.error) == (StepOutcome.START_FAILED, "the cause")


def test_without_space_no_draft_is_left(folder: Path, disk: SmallDisk, tmp_path: Path) -> None:
    disk.fill()
    with pytest.raises(OSError, match="No space"):
        Claims(folder, tmp_path, "worker").take(TOKEN)
    assert not list(folder.glob(".claim*"))


class FullClaims(FakeClaims):
    """Refuses to write while the disk is full."""

    def __init__(self) -> None:
        self.full = True
        self.refused = 0
        self.extended = 0

    def _write(self) -> None:
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")

    def take(self, activity_token: ActivityToken) -> None:
        self._write()

    def extend_lease(self, sent_at: float) -> None:
        self._write()
        self.extended += 1


class OnFullDisk(FakeStep):
    """A step whose claims and seal meet a full disk until `free`."""

    def __init__(self) -> None:
        super().__init__()
        self.full = self.claims = FullClaims()
        self.sealed = 0

    async def seal(self) -> None:
        self.sealed += 1
        if self.sealed == 1:
            raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_full_disk_never_ends_a_step_whose_terraform_runs() -> None:
    """The activity failed while terraform applied everything."""
    step = OnFullDisk()
    step.full.full = False
    supervisor = supervisor_of(step, FakeTemporal())
    running = asyncio.create_task(supervisor.run())
    await eventually(lambda: step.full.extended > 0, "the first lease")
    step.full.full = True
    supervisor.acknowledge_now()
    await eventually(lambda: step.full.refused > 0, "a lease that the disk refuses")
    assert not running.done()
    step.full.full = False
    step.ended = True
    assert (await running).outcome is StepOutcome.DONE
    assert step.sealed == 2


async def test_a_running_step_is_claimed_when_there_is_space_again() -> None:
    step = OnFullDisk()
    running = asyncio.create_task(supervisor_of(step, FakeTemporal()).run())
    await eventually(lambda: step.full.refused > 0, "a claim that the disk refuses")
    assert not running.done()
    step.full.full = False
    step.ended = True
    assert (await running).outcome is StepOutcome.DONE


class NeverStarts(FakeStep):
    """A step whose runners end with a line on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self.error = ""

    def status(self) -> StepStatus:
        return StepStatus(ordered=True, ended=self.ended)

    def errors(self) -> str:
        return "runner.err: cannot import"

    def withdraw(self, error: str = "") -> bool:
        self.error, self.ended = error, True
        return True


async def test_a_runner_that_cannot_start_gives_its_stderr() -> None:
    """The deployment ended as not started, and no text named the cause."""
    step = NeverStarts()
    supervisors = Supervisors(lambda _: step, FakeTemporal(), lambda _: None, NoCredentials())
    await supervisors.attach(KEY, replace(TOKEN, may_start=True)).run()
    assert step.error == "runner.err: cannot import"
