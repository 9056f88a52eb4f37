"""The disk becomes full while terraform runs, and the runner's record and the log stay whole."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import linux
from runner.disk import RESERVE_BYTES, SpoolReserve
from tests.runner.steps import FAKE, PATIENCE_SECONDS, Step, until
from tests.support.processes import processes_below
from tests.support.small_disk import SmallDisk, small_disk

# The reserve of a spool, and as much again for the rest of a step.
_MEGABYTES = 2 * (RESERVE_BYTES >> 20)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", _MEGABYTES) as disk:
        yield disk


@pytest.fixture
def step(disk: SmallDisk) -> Iterator[Step]:
    step = Step(disk.path)
    yield step
    left = processes_below(step.work)
    step.end()
    assert left == []


def test_a_terraform_on_a_full_disk_is_stopped_and_its_last_lines_are_kept(
    step: Step, disk: SmallDisk
) -> None:
    """The runner could not write exit.json, and no line after the first refused write was kept."""
    runner = step.describe("apply").fake(
        "start:a.b", "print:here", "interrupts:1", "bytes:100000", "complete:a.b", "exit:1"
    )
    step.prints("here")
    disk.fill_without_end()
    record = step.ended(runner)
    assert (record["outcome"], record["exit_code"]) == ("exited", 1)
    assert record["stop"]["cause"] == "disk_full"
    assert (record["disk_full"], record["spool_hole"]) == (True, None)
    *_, printed, complete = step.spool.splitlines()
    assert len(printed) == 100_000
    assert json.loads(complete)["type"] == "apply_complete"


def test_a_log_that_outgrows_the_reserve_names_the_place_of_its_hole(
    step: Step, disk: SmallDisk
) -> None:
    runner = step.describe().fake(
        "print:here", "interrupts:1", f"bytes:{RESERVE_BYTES + 100_000}", "exit:0"
    )
    step.prints("here")
    disk.fill_without_end()
    record = step.ended(runner)
    assert record["exit_code"] == 0
    assert record["spool_hole"] >= RESERVE_BYTES // 2
    assert len(step.spool) == record["spool_hole"]


def test_the_line_after_a_hole_is_a_line_of_its_own(step: Step, disk: SmallDisk) -> None:
    """The rest of a cut line and the next line made a line that no reader understood."""
    cut, ended = step.work.parent.parent / "cut", step.work.parent.parent / "ended"
    runner = step.describe().fake(
        "print:here",
        "interrupts:1",
        f"bytes:{RESERVE_BYTES + 100_000}",
        f"append:{cut}",
        f"exists:{ended}",
        "complete:a.b",
        "exit:1",
    )
    step.prints("here")
    disk.fill_without_end()
    until(cut.exists, "the hole")
    until(lambda: len(step.spool) >= RESERVE_BYTES, "the end of the reserve")
    disk.free()
    until(lambda: step.spool.endswith("\n"), "the end of the cut line")
    ended.touch()
    record = step.ended(runner)
    assert record["spool_hole"]
    assert json.loads(step.spool.splitlines()[-1])["type"] == "apply_complete"


def test_without_space_for_the_reserve_no_terraform_starts(step: Step, disk: SmallDisk) -> None:
    step.describe()
    ran = step.work.parent.parent / "ran"
    disk.fill(leave_bytes=1 << 20)
    record = step.run(*_fake(f"append:{ran}"))
    assert (record["outcome"], record["disk_full"]) == ("start_failed", True)
    assert not ran.exists()


def test_without_space_for_the_exit_record_no_terraform_starts(step: Step, disk: SmallDisk) -> None:
    step.describe()
    (step.folder / "runner.err").touch()
    ran = step.work.parent.parent / "ran"
    disk.fill()
    assert step.start(*_fake(f"append:{ran}")).wait(PATIENCE_SECONDS) == 7
    assert not (step.folder / "exit.json").exists()
    assert not ran.exists()


def test_a_step_that_has_ended_holds_no_reserve(step: Step) -> None:
    step.describe().run(*_fake("print:here"))
    assert (step.folder / "spool").stat().st_blocks * 512 <= 8192


def test_a_killed_runner_is_replaced_on_a_full_disk(step: Step, disk: SmallDisk) -> None:
    runner = step.describe("apply").fake("start:a.b", "print:here", "interrupts:1", "complete:a.b")
    step.prints("here")
    disk.fill_without_end()
    runner.kill()
    runner.wait()
    record = step.finish()
    assert (record["outcome"], record["disk_full"]) == ("runner_lost", True)


def test_a_log_that_outgrows_the_reserve_of_a_killed_runner_has_a_hole(
    step: Step, disk: SmallDisk
) -> None:
    """`--finish` recorded no hole, and a log that lacked lines was sealed as complete."""
    runner = step.describe().fake(
        "print:here",
        "interrupts:1",
        "print:interrupted",
        "interrupts:2",
        f"bytes:{RESERVE_BYTES + 100_000}",
        "exit:0",
    )
    step.prints("here")
    runner.kill()
    runner.wait()
    # By the death of its runner.
    step.prints("interrupted")
    disk.fill_without_end()
    os.kill(step.started["terraform_pid"], signal.SIGINT)
    until(lambda: not step.alive, "terraform's end")
    record = step.finish()
    assert (record["outcome"], record["disk_full"]) == ("runner_lost", True)
    assert record["spool_hole"] == len(step.spool) >= RESERVE_BYTES // 2


def test_no_line_is_written_into_a_spool_without_a_line(disk: SmallDisk) -> None:
    """A hole before the first line put an empty line into the log."""
    path = disk.path / "spool"
    spool = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    disk.fill_without_end()
    reserve = SpoolReserve(spool)
    reserve.watch(linux.boottime())
    assert (reserve.full, reserve.hole) == (True, 0)
    disk.free()
    # Later than the poll interval of the free space.
    reserve.watch(linux.boottime() + 60)
    os.close(spool)
    assert path.read_bytes() == b""


def _fake(*steps: str) -> tuple[str, ...]:
    return (*FAKE, *steps)
