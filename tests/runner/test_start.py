"""Who may start terraform, and what terraform finds when it starts."""

import fcntl
import os
import resource
from pathlib import Path

import pytest

from runner import step_files
from tests.runner.steps import (
    FAKE,
    PATIENCE_SECONDS,
    Step,
    boottime,
    until,
)


def test_init_plan_and_apply_run_to_their_end(tmp_path: Path, step: Step, terraform: str) -> None:
    step.copy_sandbox()
    step.variables()
    phases = {
        "init": [terraform, "init", "-json", "-input=false"],
        "plan": [terraform, "plan", "-json", "-input=false", "-out=plan"],
        "apply": [terraform, "apply", "-json", "-input=false", "plan"],
    }
    for number, (phase, argv) in enumerate(phases.items(), 1):
        step.folder = tmp_path / str(number)
        step.folder.mkdir()
        record = step.describe(phase).run(*argv)
        assert (record["outcome"], record["exit_code"]) == ("exited", 0), step.spool
    assert record["operations"] == {"started": 12, "completed": 12, "open": []}
    assert (record["signal"], record["stop"], record["signals"]) == (None, None, [])
    assert (record["swept"], record["saving"], record["error"]) == (0, False, None)
    assert record["started_at"] < record["ended_at"]
    assert len(step.terraform("state", "list").split()) == 12


def test_a_terraform_that_says_no_is_a_normal_end(sandbox: Step, terraform: str) -> None:
    sandbox.variables(fail="services-2")
    record = sandbox.describe().run(terraform, "apply", "-json", "-auto-approve")
    assert (record["outcome"], record["exit_code"], record["stop"]) == ("exited", 1, None)
    assert record["operations"] == {"started": 8, "completed": 7, "open": []}
    assert "services-2: cannot be created" in sandbox.spool


def test_init_needs_no_network(step: Step, terraform: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("root is missing: unshare --net needs it")
    step.copy_sandbox()
    step.variables()
    record = step.describe("init").run(
        terraform, "init", "-json", before=("/usr/bin/unshare", "--net")
    )
    assert record["exit_code"] == 0, step.spool


def test_started_json_names_the_living_processes(step: Step) -> None:
    runner = step.describe().fake("print:here", "interrupts:1")
    step.prints("here")
    started = step.started
    assert started["format"] == 1
    assert started["runner_pid"] == started["session"] == runner.pid
    assert os.getsid(started["terraform_pid"]) == runner.pid
    assert os.getpgid(started["terraform_pid"]) == started["terraform_pid"]
    stat = Path(f"/proc/{started['terraform_pid']}/stat").read_text()
    assert started["terraform_start_ticks"] == int(stat.rsplit(")")[-1].split()[19])
    assert started["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert 0 <= boottime() - started["started_boottime"] < PATIENCE_SECONDS
    step.stop("cancel")
    assert step.ended(runner)["exit_code"] == 0


def test_every_file_is_private(step: Step) -> None:
    step.describe().run("/bin/true")
    for name in ("alive.lock", "runner.lock", "spool", "started.json", "exit.json"):
        assert (step.folder / name).stat().st_mode & 0o777 == 0o600
    assert not [name for name in step.names if name.startswith(".")]


def test_the_environment_is_exactly_the_given_one(step: Step) -> None:
    # No LANG and no LC_*: there Python would add LC_CTYPE of its own.
    step.describe().run("/usr/bin/env", "-0")
    given = {f"{name}={value}" for name, value in step.environment.items()}
    assert set(step.spool.rstrip("\0").split("\0")) == given


def test_terraform_starts_with_default_signals_and_no_core_dump(step: Step) -> None:
    step.describe().run("/bin/cat", "/proc/self/status", "/proc/self/limits")
    status = dict(line.split(":", 1) for line in step.spool.splitlines() if ":" in line)
    # 32 and 33 are the C library's own: it lets nobody set them, so they stay as inherited.
    settable = ~(0b11 << 31)
    ignored = int(status["SigIgn"], 16) & settable
    assert ignored == int(status["SigBlk"], 16) == int(status["SigCgt"], 16) == 0
    limits = step.spool
    assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [
        ["0", "0"]
    ]


def test_terraform_is_limited_in_processes_files_and_their_size(step: Step) -> None:
    step.describe().run("/bin/cat", "/proc/self/limits")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in step.spool.splitlines()}
    for name, kind, limit in (
        ("Max open files", resource.RLIMIT_NOFILE, 65536),
        ("Max processes", resource.RLIMIT_NPROC, 16384),
        ("Max file size", resource.RLIMIT_FSIZE, 32 * 1024**3),
    ):
        _, hard = resource.getrlimit(kind)
        expected = limit if hard == resource.RLIM_INFINITY else min(hard, limit)
        assert limits[name] == [str(expected)] * 2


def test_terraform_has_no_input_and_no_descriptor_too_many(step: Step) -> None:
    step.describe().run("/bin/ls", "-l", "/proc/self/fd")
    targets = sorted(line.split(" -> ")[1] for line in step.spool.splitlines() if " -> " in line)
    spool, lock = str(step.folder / "spool"), str(step.folder / "alive.lock")
    assert [target for target in targets if not target.startswith("/proc/")] == [
        "/dev/null",
        lock,
        spool,
        spool,
    ]


def test_the_program_is_found_on_the_given_path(step: Step) -> None:
    assert step.describe().run("true")["exit_code"] == 0


@pytest.mark.parametrize("program", ["/no/such/terraform", "no-such-terraform", "/etc/passwd"])
def test_a_terraform_that_cannot_be_started_is_recorded(step: Step, program: str) -> None:
    record = step.describe().run(program, "apply")
    assert (record["outcome"], record["exit_code"]) == ("start_failed", None)
    assert program in record["error"]


def test_a_terraform_that_dies_of_a_signal_is_recorded(step: Step) -> None:
    record = step.describe().run("/bin/sh", "-c", "kill -SEGV $$")
    assert (record["outcome"], record["exit_code"], record["signal"]) == ("exited", None, 11)


def test_a_step_that_has_ended_is_left_alone(step: Step) -> None:
    first = step.describe().run("/bin/true")
    again = step.run("/bin/sh", "-c", "echo twice")
    assert again == first
    assert step.spool == ""


def test_a_step_that_lost_its_runner_is_never_started_again(step: Step) -> None:
    step.describe().run("/bin/true")
    (step.folder / "exit.json").unlink()
    assert step.start("/bin/echo", "twice").wait(PATIENCE_SECONDS) == step_files.UNFINISHED
    assert step.spool == ""


@pytest.mark.parametrize("lock", ["alive.lock", "runner.lock"])
def test_a_held_lock_ends_the_runner_at_once(step: Step, lock: str) -> None:
    step.describe()
    with (step.folder / lock).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert step.start("/bin/true").wait(PATIENCE_SECONDS) == step_files.HELD
    assert step.names.isdisjoint({"started.json", "exit.json", "spool"})


@pytest.mark.parametrize("lease", ["", "missing", "nan", "soon", "0.0", "1.5"])
def test_without_a_lease_nothing_is_started_or_written(step: Step, lease: str) -> None:
    step.describe()
    file = step.folder / "lease"
    if lease == "missing":
        file.unlink()
    else:
        file.write_text(lease)
    assert step.start("/bin/true").wait(PATIENCE_SECONDS) == step_files.NO_LEASE
    assert step.names.isdisjoint({"started.json", "exit.json", "spool"})


def test_a_stop_before_the_start_keeps_terraform_from_starting(step: Step) -> None:
    step.describe().stop("cancel")
    record = step.run("/bin/echo", "never")
    assert record["outcome"] == "not_started"
    assert record["stop"] == {
        "cause": "cancel",
        "requested_at": "2026-01-01T00:00:00Z",
        "force": False,
    }
    assert "started.json" not in step.names


def test_a_stop_that_cannot_be_read_is_still_a_stop(step: Step) -> None:
    step.describe()
    (step.folder / "stop.json").write_text("{")
    record = step.run("/bin/true")
    assert (record["outcome"], record["stop"]["cause"]) == ("not_started", "unknown")


def test_many_starts_at_once_start_terraform_once(step: Step) -> None:
    step.describe()
    steps = ("append:starts", "print:here", "interrupts:1")
    runners = [step.start(*FAKE, *steps) for _ in range(6)]
    step.prints("here")
    until(lambda: sum(item.poll() is None for item in runners) == 1, "five runners to leave")
    step.stop("cancel")
    codes = sorted(runner.wait(PATIENCE_SECONDS) for runner in runners)
    assert codes == [step_files.ENDED] + [step_files.HELD] * 5
    assert (step.work / "starts").read_text() == "once\n"


def test_wrong_arguments_are_refused(step: Step) -> None:
    runner = step.start()
    assert runner.wait(PATIENCE_SECONDS) == step_files.MISUSED
    assert "usage" in step.errors
