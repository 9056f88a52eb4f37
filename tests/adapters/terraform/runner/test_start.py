"""Who may start terraform, and what terraform finds when it starts."""

import fcntl
import os
from pathlib import Path

import pytest

from adapters.terraform.runner import segment_files
from tests.adapters.terraform.runner.segments import (
    FAKE,
    PATIENCE_SECONDS,
    Segment,
    boottime,
    until,
)


def test_init_plan_and_apply_run_to_their_end(
    tmp_path: Path, segment: Segment, terraform: str
) -> None:
    segment.copy_sandbox()
    segment.variables()
    phases = {
        "init": [terraform, "init", "-json", "-input=false"],
        "plan": [terraform, "plan", "-json", "-input=false", "-out=plan"],
        "apply": [terraform, "apply", "-json", "-input=false", "plan"],
    }
    for number, (phase, argv) in enumerate(phases.items(), 1):
        segment.folder = tmp_path / str(number)
        segment.folder.mkdir()
        record = segment.describe(phase).run(*argv)
        assert (record["outcome"], record["exit_code"]) == ("exited", 0), segment.spool
    assert record["operations"] == {"started": 12, "completed": 12, "open": []}
    assert (record["signal"], record["stop"], record["signals"]) == (None, None, [])
    assert (record["swept"], record["saving"], record["error"]) == (0, False, None)
    assert record["started_at"] < record["ended_at"]
    assert len(segment.terraform("state", "list").split()) == 12


def test_a_terraform_that_says_no_is_a_normal_end(sandbox: Segment, terraform: str) -> None:
    sandbox.variables(fail="services-2")
    record = sandbox.describe().run(terraform, "apply", "-json", "-auto-approve")
    assert (record["outcome"], record["exit_code"], record["stop"]) == ("exited", 1, None)
    assert record["operations"] == {"started": 8, "completed": 7, "open": []}
    assert "services-2: cannot be created" in sandbox.spool


def test_init_needs_no_network(segment: Segment, terraform: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("root is missing: unshare --net needs it")
    segment.copy_sandbox()
    segment.variables()
    record = segment.describe("init").run(
        terraform, "init", "-json", before=("/usr/bin/unshare", "--net")
    )
    assert record["exit_code"] == 0, segment.spool


def test_started_json_names_the_living_processes(segment: Segment) -> None:
    runner = segment.describe().fake("print:here", "interrupts:1")
    segment.prints("here")
    started = segment.started
    assert started["format"] == 1
    assert started["runner_pid"] == started["session"] == runner.pid
    assert os.getsid(started["terraform_pid"]) == runner.pid
    assert os.getpgid(started["terraform_pid"]) == started["terraform_pid"]
    stat = Path(f"/proc/{started['terraform_pid']}/stat").read_text()
    assert started["terraform_start_ticks"] == int(stat.rsplit(")")[-1].split()[19])
    assert started["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert 0 <= boottime() - started["started_boottime"] < PATIENCE_SECONDS
    segment.stop("cancel")
    assert segment.ended(runner)["exit_code"] == 0


def test_every_file_is_private(segment: Segment) -> None:
    segment.describe().run("/bin/true")
    for name in ("alive.lock", "runner.lock", "spool", "started.json", "exit.json"):
        assert (segment.folder / name).stat().st_mode & 0o777 == 0o600
    assert not [name for name in segment.names if name.startswith(".")]


def test_the_environment_is_exactly_the_given_one(segment: Segment) -> None:
    # No LANG and no LC_*: there Python would add LC_CTYPE of its own.
    segment.describe().run("/usr/bin/env", "-0")
    given = {f"{name}={value}" for name, value in segment.environment.items()}
    assert set(segment.spool.rstrip("\0").split("\0")) == given


def test_terraform_starts_with_default_signals_and_no_core_dump(segment: Segment) -> None:
    segment.describe().run("/bin/cat", "/proc/self/status", "/proc/self/limits")
    status = dict(line.split(":", 1) for line in segment.spool.splitlines() if ":" in line)
    # 32 and 33 are the C library's own: it lets nobody set them, so they stay as inherited.
    settable = ~(0b11 << 31)
    ignored = int(status["SigIgn"], 16) & settable
    assert ignored == int(status["SigBlk"], 16) == int(status["SigCgt"], 16) == 0
    limits = segment.spool
    assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [
        ["0", "0"]
    ]


def test_terraform_has_no_input_and_no_descriptor_too_many(segment: Segment) -> None:
    segment.describe().run("/bin/ls", "-l", "/proc/self/fd")
    targets = sorted(line.split(" -> ")[1] for line in segment.spool.splitlines() if " -> " in line)
    spool, lock = str(segment.folder / "spool"), str(segment.folder / "alive.lock")
    assert [one for one in targets if not one.startswith("/proc/")] == [
        "/dev/null",
        lock,
        spool,
        spool,
    ]


def test_the_program_is_found_on_the_given_path(segment: Segment) -> None:
    assert segment.describe().run("true")["exit_code"] == 0


@pytest.mark.parametrize("program", ["/no/such/terraform", "no-such-terraform", "/etc/passwd"])
def test_a_terraform_that_cannot_be_started_is_recorded(segment: Segment, program: str) -> None:
    record = segment.describe().run(program, "apply")
    assert (record["outcome"], record["exit_code"]) == ("start_failed", None)
    assert program in record["error"]


def test_a_terraform_that_dies_of_a_signal_is_recorded(segment: Segment) -> None:
    record = segment.describe().run("/bin/sh", "-c", "kill -SEGV $$")
    assert (record["outcome"], record["exit_code"], record["signal"]) == ("exited", None, 11)


def test_a_segment_that_has_ended_is_left_alone(segment: Segment) -> None:
    first = segment.describe().run("/bin/true")
    again = segment.run("/bin/sh", "-c", "echo twice")
    assert again == first
    assert segment.spool == ""


def test_a_segment_that_lost_its_runner_is_never_started_again(segment: Segment) -> None:
    segment.describe().run("/bin/true")
    (segment.folder / "exit.json").unlink()
    assert segment.start("/bin/echo", "twice").wait(PATIENCE_SECONDS) == segment_files.UNFINISHED
    assert segment.spool == ""


@pytest.mark.parametrize("lock", ["alive.lock", "runner.lock"])
def test_a_held_lock_ends_the_runner_at_once(segment: Segment, lock: str) -> None:
    segment.describe()
    with (segment.folder / lock).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert segment.start("/bin/true").wait(PATIENCE_SECONDS) == segment_files.HELD
    assert segment.names.isdisjoint({"started.json", "exit.json", "spool"})


@pytest.mark.parametrize("lease", ["", "missing", "nan", "soon", "0.0", "1.5"])
def test_without_a_lease_nothing_is_started_or_written(segment: Segment, lease: str) -> None:
    segment.describe()
    file = segment.folder / "lease"
    if lease == "missing":
        file.unlink()
    else:
        file.write_text(lease)
    assert segment.start("/bin/true").wait(PATIENCE_SECONDS) == segment_files.NO_LEASE
    assert segment.names.isdisjoint({"started.json", "exit.json", "spool"})


def test_a_stop_before_the_start_keeps_terraform_from_starting(segment: Segment) -> None:
    segment.describe().stop("cancel")
    record = segment.run("/bin/echo", "never")
    assert record["outcome"] == "not_started"
    assert record["stop"] == {
        "cause": "cancel",
        "requested_at": "2026-01-01T00:00:00Z",
        "force": False,
    }
    assert "started.json" not in segment.names


def test_a_stop_that_cannot_be_read_is_still_a_stop(segment: Segment) -> None:
    segment.describe()
    (segment.folder / "stop.json").write_text("{")
    record = segment.run("/bin/true")
    assert (record["outcome"], record["stop"]["cause"]) == ("not_started", "unknown")


def test_many_starts_at_once_start_terraform_once(segment: Segment) -> None:
    segment.describe()
    steps = ("append:starts", "print:here", "interrupts:1")
    runners = [segment.start(*FAKE, *steps) for _ in range(6)]
    segment.prints("here")
    until(lambda: sum(one.poll() is None for one in runners) == 1, "five runners to leave")
    segment.stop("cancel")
    codes = sorted(one.wait(PATIENCE_SECONDS) for one in runners)
    assert codes == [segment_files.ENDED] + [segment_files.HELD] * 5
    assert (segment.work / "starts").read_text() == "once\n"


def test_wrong_arguments_are_refused(segment: Segment) -> None:
    runner = segment.start()
    assert runner.wait(PATIENCE_SECONDS) == segment_files.MISUSED
    assert "usage" in segment.errors
