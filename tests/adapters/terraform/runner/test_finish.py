"""A killed runner: terraform stops itself, and --finish says what became of the segment."""

import fcntl
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from adapters.terraform.runner import segment_files
from tests.adapters.terraform.runner.segments import (
    PATIENCE_SECONDS,
    Segment,
    processes_below,
    until,
)


def kill(runner: "subprocess.Popen[bytes]") -> None:
    runner.kill()
    runner.wait(PATIENCE_SECONDS)


def test_terraform_stops_itself_when_its_runner_is_killed(sandbox: Segment, terraform: str) -> None:
    sandbox.variables(resource_seconds=300)
    runner = sandbox.describe().start(terraform, "apply", "-json", "-auto-approve")
    until(lambda: sandbox.spool.count('"type":"provision_start"') == 4, "four open resources")
    kill(runner)
    sandbox.prints("Interrupt received")
    record = sandbox.finish()
    assert (record["outcome"], record["exit_code"], record["signal"]) == ("runner_lost", None, None)
    assert record["stop"] is None
    assert record["started_at"] == sandbox.started["started_at"]
    assert record["operations"] == {"started": 4, "completed": 0, "open": []}
    assert record["swept"] >= 1  # sleeps of awk; a provisioner that just began has none yet
    assert len(sandbox.terraform("state", "list").split()) == 4
    assert processes_below(sandbox.work) == []


def test_the_lock_is_held_while_terraform_outlives_its_runner(segment: Segment) -> None:
    runner = segment.describe("plan", second_interrupt_seconds=0.3).fake(
        "print:here", "interrupts:1", "print:interrupted", "interrupts:2", "print:gone"
    )
    segment.prints("here")
    kill(runner)
    segment.prints("interrupted")
    assert segment.alive
    assert segment.start("/bin/true").wait(PATIENCE_SECONDS) == segment_files.HELD
    record = segment.finish()
    assert [one["signal"] for one in record["signals"]] == ["SIGINT", "SIGINT"]
    assert "gone" in segment.spool
    assert not segment.alive


def test_finish_kills_a_terraform_that_is_deaf(segment: Segment) -> None:
    runner = segment.describe("plan", second_interrupt_seconds=0.1, kill_seconds=0.2).fake(
        "deaf", "child", "daemon", "print:here", "hang"
    )
    segment.prints("here")
    kill(runner)
    record = segment.finish()
    assert [one["signal"] for one in record["signals"]] == ["SIGINT", "SIGINT", "SIGKILL"]
    assert record["swept"] == 2
    assert processes_below(segment.work) == []


def test_finish_takes_the_cause_of_a_stop_that_was_asked_for(segment: Segment) -> None:
    runner = segment.describe().fake("start:a.b", "interrupts:1", "print:one", "interrupts:2")
    segment.prints("apply_start")
    segment.stop("cancel", force=True)
    segment.prints("one")
    kill(runner)
    record = segment.finish()
    assert (record["outcome"], record["stop"]["cause"]) == ("runner_lost", "cancel")


def test_finish_sweeps_after_a_terraform_that_is_gone(segment: Segment) -> None:
    runner = segment.describe().fake("child", "daemon", "print:here", "interrupts:1")
    segment.prints("here")
    kill(runner)
    until(lambda: not _lives(segment.started["terraform_pid"]), "terraform's end")
    assert segment.alive  # what it left holds the lock
    record = segment.finish()
    assert (record["outcome"], record["signals"], record["swept"]) == ("runner_lost", [], 2)
    assert not segment.alive


def _lives(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_keeper_that_holds_the_lock_is_not_swept(segment: Segment) -> None:
    runner = segment.describe().fake("print:here", "interrupts:1")
    segment.prints("here")
    kill(runner)
    until(lambda: not segment.alive, "terraform's end")
    with (segment.folder / "alive.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        finishing = segment.start_finish()
        with pytest.raises(subprocess.TimeoutExpired):
            finishing.wait(0.5)  # it waits for the lock, and this process is still here
        assert "exit.json" not in segment.names
    assert segment.ended(finishing)["outcome"] == "runner_lost"


def test_another_process_with_the_same_pid_is_left_alone(segment: Segment) -> None:
    segment.describe().run("/bin/true")
    (segment.folder / "exit.json").unlink()
    started = segment.started | {"terraform_pid": os.getpid(), "session": os.getsid(0)}
    (segment.folder / "started.json").write_text(json.dumps(started))
    record = segment.finish()  # had it believed the pid, this test would be dead
    assert (record["outcome"], record["signals"], record["swept"]) == ("runner_lost", [], 0)


def test_pids_of_another_boot_mean_nothing(segment: Segment) -> None:
    segment.describe().run("/bin/true")
    (segment.folder / "exit.json").unlink()
    started = segment.started | {"boot_id": "another"}
    (segment.folder / "started.json").write_text(json.dumps(started))
    assert segment.finish()["outcome"] == "runner_lost"


def test_finish_ends_a_segment_whose_description_is_lost(segment: Segment) -> None:
    runner = segment.describe().fake("print:here", "interrupts:1")
    segment.prints("here")
    kill(runner)
    (segment.folder / "segment.json").write_text("{")
    assert segment.finish()["outcome"] == "runner_lost"


def test_finish_leaves_a_living_runner_alone(segment: Segment) -> None:
    runner = segment.describe().fake("print:here", "interrupts:1")
    segment.prints("here")
    assert segment.start_finish().wait(PATIENCE_SECONDS) == segment_files.HELD
    segment.stop("cancel")
    assert segment.ended(runner)["outcome"] == "exited"


def test_finish_leaves_an_ended_segment_alone(segment: Segment) -> None:
    record = segment.describe().run("/bin/true")
    assert segment.finish() == record


def test_finish_of_a_segment_that_nobody_started_does_nothing(segment: Segment) -> None:
    finishing = segment.describe().start_finish()
    assert finishing.wait(PATIENCE_SECONDS) == segment_files.NEVER_STARTED
    assert segment.names.isdisjoint({"exit.json", "spool", "alive.lock"})


def test_a_runner_that_cannot_read_its_segment_leaves_terraform_stopped(segment: Segment) -> None:
    segment.describe()
    (segment.folder / "segment.json").unlink()
    runner = segment.fake("print:here", "hang")
    assert runner.wait(PATIENCE_SECONDS) != 0
    assert "segment.json is missing" in segment.errors
    (segment.folder / "runner.err").unlink()
    pid = segment.started["terraform_pid"]
    if _lives(pid):
        os.kill(pid, signal.SIGKILL)
    assert segment.finish()["outcome"] == "runner_lost"
