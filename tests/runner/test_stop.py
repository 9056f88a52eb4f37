"""Each way by which a running terraform is stopped."""

import signal
import subprocess
import time
from typing import Any

import pytest

from tests.runner.steps import Step, until
from tests.support.processes import command_line, processes_below


def sent(record: dict[str, Any]) -> list[str]:
    return [signal["signal"] for signal in record["signals"]]


def begin_apply(
    sandbox: Step, terraform: str, **variables: str | float
) -> "subprocess.Popen[bytes]":
    """A real apply that takes long, with its first four resources open."""
    sandbox.variables(resource_seconds=300, **variables)
    runner = sandbox.start(terraform, "apply", "-json", "-auto-approve")
    until(lambda: sandbox.spool.count('"type":"provision_start"') == 4, "four open resources")
    return runner


def test_a_stop_reaches_terraform_within_a_second(sandbox: Step, terraform: str) -> None:
    runner = begin_apply(sandbox.describe(), terraform)
    before = time.monotonic()
    sandbox.stop("cancel")
    sandbox.prints("Interrupt received")
    assert time.monotonic() - before < 1
    record = sandbox.ended(runner)
    assert (record["outcome"], record["exit_code"]) == ("exited", 1)
    assert record["stop"]["cause"] == "cancel"
    assert sent(record) == ["SIGINT"]
    assert record["operations"] == {"started": 4, "completed": 0, "open": []}
    assert len(sandbox.terraform("state", "list").split()) == 4


def test_an_interrupted_apply_leaves_no_provisioner_behind(sandbox: Step, terraform: str) -> None:
    # The sandbox's awk dies with terraform, its sleep does not (measured with raw terraform).
    runner = begin_apply(sandbox.describe(), terraform)
    until(
        lambda: any("sleep" in command_line(pid) for pid in processes_below(sandbox.work)),
        "the sleep of a provisioner",
    )
    sandbox.stop("cancel")
    assert sandbox.ended(runner)["swept"] >= 1
    assert processes_below(sandbox.work) == []


def test_the_deadline_needs_no_worker(sandbox: Step, terraform: str) -> None:
    record = sandbox.ended(begin_apply(sandbox.describe(deadline=3), terraform))
    assert record["stop"]["cause"] == "deadline"
    assert record["signals"][0]["after_seconds"] >= 3
    assert sent(record) == ["SIGINT"]


def test_a_terraform_that_says_nothing_is_stopped(sandbox: Step, terraform: str) -> None:
    record = sandbox.ended(begin_apply(sandbox.describe(no_progress=1), terraform, lines=0))
    assert record["stop"]["cause"] == "no_progress"
    assert sent(record) == ["SIGINT"]


def test_a_lease_that_nobody_renews_stops_terraform(sandbox: Step, terraform: str) -> None:
    sandbox.describe().lease(3)
    record = sandbox.ended(begin_apply(sandbox, terraform))
    assert record["stop"]["cause"] == "lost_lease"
    assert sent(record) == ["SIGINT"]


def test_a_renewed_lease_lets_terraform_go_on(step: Step) -> None:
    step.describe().lease(1)
    runner = step.fake("print:here", "pause:2.5", "print:done")
    step.prints("here")
    step.lease(300)
    record = step.ended(runner)
    assert (record["exit_code"], record["stop"]) == (0, None)


def test_a_lease_file_that_vanishes_ends_when_it_would_have_ended(step: Step) -> None:
    step.describe().lease(2.5)
    runner = step.fake("print:here", "interrupts:1")
    step.prints("here")
    step.folder.joinpath("lease").unlink()
    assert step.ended(runner)["stop"]["cause"] == "lost_lease"


def test_a_lease_renewed_after_the_interrupt_changes_nothing(step: Step) -> None:
    step.describe(lost_lease_second_seconds=3.0).lease(1)
    runner = step.fake("interrupts:1", "print:interrupted", "interrupts:2")
    step.prints("interrupted")
    step.lease(300)
    record = step.ended(runner)
    assert sent(record) == ["SIGINT", "SIGINT"]
    assert record["stop"]["cause"] == "lost_lease"


def test_sigterm_to_the_runner_stops_terraform(step: Step) -> None:
    runner = step.describe().fake("print:here", "interrupts:1", "exit:1")
    step.prints("here")
    runner.terminate()
    record = step.ended(runner)
    assert (record["exit_code"], record["stop"]["cause"]) == (1, "terminated")


def test_a_terminal_that_goes_away_is_nothing_to_the_runner(step: Step) -> None:
    runner = step.describe("apply").fake("print:here", "pause:0.5", "print:done")
    step.prints("here")
    runner.send_signal(signal.SIGHUP)
    runner.send_signal(signal.SIGINT)
    record = step.ended(runner)
    assert (record["exit_code"], record["signals"]) == (0, [])


@pytest.mark.parametrize(
    ("phase", "operations"), [("init", ()), ("plan", ()), ("plan", ("start:a.b",)), ("apply", ())]
)
def test_where_nothing_can_be_lost_the_second_interrupt_comes_soon(
    step: Step, phase: str, operations: tuple[str, ...]
) -> None:
    runner = step.describe(phase, second_interrupt_seconds=0.3).fake(
        *operations, "print:here", "interrupts:2", "exit:1"
    )
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    assert sent(record) == ["SIGINT", "SIGINT"]
    first, second = (signal["after_seconds"] for signal in record["signals"])
    assert 0.3 <= second - first < 2


def test_an_apply_is_interrupted_when_its_first_operation_has_begun(step: Step) -> None:
    runner = step.describe("apply").fake("print:here", "pause:0.5", "start:a.b", "interrupts:1")
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    assert sent(record) == ["SIGINT"]
    assert record["signals"][0]["after_seconds"] >= 0.5


def test_an_apply_without_an_operation_is_interrupted_after_its_limit(step: Step) -> None:
    runner = step.describe("apply", second_interrupt_seconds=0.3).fake("print:here", "interrupts:1")
    step.prints("here")
    step.stop("cancel")
    assert sent(step.ended(runner)) == ["SIGINT"]


def test_open_operations_get_the_grace(step: Step) -> None:
    runner = step.describe("apply", second_interrupt_seconds=0.1, grace_seconds=0.8).fake(
        "start:a.b", "start:a.c", "complete:a.b", "print:here", "interrupts:2", "exit:1"
    )
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    first, second = (signal["after_seconds"] for signal in record["signals"])
    assert second - first >= 0.8
    assert record["operations"] == {"started": 2, "completed": 1, "open": ["a.c"]}
    assert record["saving"] is False


def test_a_state_that_is_being_saved_is_left_alone(step: Step) -> None:
    runner = step.describe("apply", second_interrupt_seconds=0.1, grace_seconds=1.0).fake(
        "start:a.b", "print:here", "interrupts:1", "complete:a.b", "pause:1.6", "print:saved"
    )
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    assert (sent(record), record["saving"]) == (["SIGINT"], True)
    assert "saved" in step.spool


def test_saving_has_a_limit_of_its_own(step: Step) -> None:
    runner = step.describe("apply", saving_limit_seconds=0.5).fake(
        "start:a.b", "complete:a.b", "print:here", "interrupts:2", "exit:1"
    )
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    assert (sent(record), record["saving"]) == (["SIGINT", "SIGINT"], True)


def test_silence_while_saving_is_no_lack_of_progress(step: Step) -> None:
    runner = step.describe("apply", no_progress=0.2).fake("start:a.b", "complete:a.b", "pause:1")
    record = step.ended(runner)
    assert (record["exit_code"], record["stop"]) == (0, None)


def test_a_terraform_that_is_deaf_is_killed(step: Step) -> None:
    runner = step.describe(second_interrupt_seconds=0.1, kill_seconds=0.3).fake(
        "deaf", "child", "print:here", "hang"
    )
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    assert sent(record) == ["SIGINT", "SIGINT", "SIGKILL"]
    assert (record["exit_code"], record["signal"]) == (None, signal.SIGKILL)


def test_force_may_be_added_to_a_stop_that_waits(step: Step) -> None:
    runner = step.describe("apply").fake("start:a.b", "interrupts:1", "print:waits", "interrupts:2")
    step.prints("apply_start")
    step.stop("cancel")
    step.prints("waits")
    step.stop("force", force=True)
    record = step.ended(runner)
    assert sent(record) == ["SIGINT", "SIGINT"]
    assert (record["stop"]["cause"], record["stop"]["force"]) == ("cancel", True)


def test_the_first_cause_stays(step: Step) -> None:
    runner = step.describe(deadline=0.01).fake("interrupts:1", "print:one", "interrupts:2")
    step.prints("one")
    step.stop("cancel", force=True)
    record = step.ended(runner)
    assert record["stop"]["cause"] == "deadline"
    assert record["stop"]["force"] is True


def test_a_lost_lease_hurries_a_patient_ladder(step: Step) -> None:
    step.describe("apply", lost_lease_second_seconds=0.3, lost_lease_kill_seconds=0.6).lease(2.5)
    runner = step.fake("deaf", "start:a.b", "print:here", "hang")
    step.prints("here")
    step.stop("cancel")
    record = step.ended(runner)
    assert record["stop"]["cause"] == "cancel"
    assert sent(record)[-1] == "SIGKILL"


def test_a_terraform_that_ends_by_itself_keeps_its_exit_code_beside_the_stop(
    step: Step,
) -> None:
    # Measured in plan: an interrupted terraform may exit 0. Both facts are recorded.
    runner = step.describe("plan").fake("print:here", "interrupts:1", "exit:0")
    step.prints("here")
    step.stop("drain")
    record = step.ended(runner)
    assert (record["exit_code"], record["stop"]["cause"]) == (0, "drain")


def test_a_huge_line_passes(step: Step) -> None:
    record = step.ended(step.describe("apply").fake("bytes:5000000", "start:a.b", "complete:a.b"))
    assert record["operations"]["completed"] == 1
    assert (step.folder / "spool").stat().st_size > 5_000_000
