"""A killed runner: terraform stops itself, and --finish says what became of the step."""

import fcntl
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from runner import step_files
from tests.runner.steps import (
    PATIENCE_SECONDS,
    Step,
    until,
)
from tests.support.processes import processes_below


def kill(runner: "subprocess.Popen[bytes]") -> None:
    runner.kill()
    runner.wait(PATIENCE_SECONDS)


def test_terraform_stops_itself_when_its_runner_is_killed(sandbox: Step, terraform: str) -> None:
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


def test_the_lock_is_held_while_terraform_outlives_its_runner(step: Step) -> None:
    runner = step.describe("plan", second_interrupt_seconds=0.3).fake(
        "print:here", "interrupts:1", "print:interrupted", "interrupts:2", "print:gone"
    )
    step.prints("here")
    kill(runner)
    step.prints("interrupted")
    assert step.alive
    assert step.start("/bin/true").wait(PATIENCE_SECONDS) == step_files.HELD
    record = step.finish()
    assert [signal["signal"] for signal in record["signals"]] == ["SIGINT", "SIGINT"]
    assert "gone" in step.spool
    assert not step.alive


def test_finish_kills_a_terraform_that_is_deaf(step: Step) -> None:
    runner = step.describe("plan", second_interrupt_seconds=0.1, kill_seconds=0.2).fake(
        "deaf", "child", "daemon", "print:here", "hang"
    )
    step.prints("here")
    kill(runner)
    record = step.finish()
    assert [signal["signal"] for signal in record["signals"]] == ["SIGINT", "SIGINT", "SIGKILL"]
    assert record["swept"] == 2
    assert processes_below(step.work) == []


def test_finish_takes_the_cause_of_a_stop_that_was_asked_for(step: Step) -> None:
    runner = step.describe("apply").fake("start:a.b", "interrupts:1", "print:one", "interrupts:2")
    step.prints("apply_start")
    step.stop("cancel", force=True)
    step.prints("one")
    kill(runner)
    record = step.finish()
    assert (record["outcome"], record["stop"]["cause"]) == ("runner_lost", "cancel")


def test_finish_sweeps_after_a_terraform_that_is_gone(step: Step) -> None:
    runner = step.describe().fake("child", "daemon", "print:here", "interrupts:1")
    step.prints("here")
    kill(runner)
    until(lambda: not _lives(step.started["terraform_pid"]), "terraform's end")
    assert step.alive  # what it left holds the lock
    record = step.finish()
    assert (record["outcome"], record["signals"], record["swept"]) == ("runner_lost", [], 2)
    assert not step.alive


def _lives(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_supervisor_that_holds_the_lock_is_not_swept(step: Step) -> None:
    runner = step.describe().fake("print:here", "interrupts:1")
    step.prints("here")
    kill(runner)
    until(lambda: not step.alive, "terraform's end")
    with (step.folder / "alive.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        finishing = step.start_finish()
        with pytest.raises(subprocess.TimeoutExpired):
            finishing.wait(0.5)  # it waits for the lock, and this process is still here
        assert "exit.json" not in step.names
    assert step.ended(finishing)["outcome"] == "runner_lost"


def test_another_process_with_the_same_pid_is_left_alone(step: Step) -> None:
    step.describe().run("/bin/true")
    (step.folder / "exit.json").unlink()
    started = step.started | {"terraform_pid": os.getpid(), "session": os.getsid(0)}
    (step.folder / "started.json").write_text(json.dumps(started))
    record = step.finish()  # had it believed the pid, this test would be dead
    assert (record["outcome"], record["signals"], record["swept"]) == ("runner_lost", [], 0)


def test_pids_of_another_boot_mean_nothing(step: Step) -> None:
    step.describe().run("/bin/true")
    (step.folder / "exit.json").unlink()
    started = step.started | {"boot_id": "another"}
    (step.folder / "started.json").write_text(json.dumps(started))
    assert step.finish()["outcome"] == "runner_lost"


def test_finish_ends_a_step_whose_description_is_lost(step: Step) -> None:
    runner = step.describe().fake("print:here", "interrupts:1")
    step.prints("here")
    kill(runner)
    (step.folder / "step.json").write_text("{")
    assert step.finish()["outcome"] == "runner_lost"


def test_finish_leaves_a_living_runner_alone(step: Step) -> None:
    runner = step.describe().fake("print:here", "interrupts:1")
    step.prints("here")
    assert step.start_finish().wait(PATIENCE_SECONDS) == step_files.HELD
    step.stop("cancel")
    assert step.ended(runner)["outcome"] == "exited"


def test_finish_leaves_an_ended_step_alone(step: Step) -> None:
    record = step.describe().run("/bin/true")
    assert step.finish() == record


def test_finish_of_a_step_that_nobody_started_does_nothing(step: Step) -> None:
    finishing = step.describe().start_finish()
    assert finishing.wait(PATIENCE_SECONDS) == step_files.NEVER_STARTED
    assert step.names.isdisjoint({"exit.json", "spool", "alive.lock"})


def test_a_runner_that_cannot_read_its_step_leaves_terraform_stopped(step: Step) -> None:
    step.describe()
    (step.folder / "step.json").unlink()
    runner = step.fake("print:here", "hang")
    assert runner.wait(PATIENCE_SECONDS) != 0
    assert "step.json is missing" in step.errors
    (step.folder / "runner.err").unlink()
    pid = step.started["terraform_pid"]
    if _lives(pid):
        os.kill(pid, signal.SIGKILL)
    assert step.finish()["outcome"] == "runner_lost"
