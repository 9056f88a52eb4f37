"""`--finish`: complete the step of a killed runner.

The runner's death sent SIGINT to terraform, which may still be saving the state. Terraform's exit
status is lost, since only the parent process receives it.
"""

import time

from runner import linux, step_files
from runner.control import RunnerControl, StepSettings, TerraformProcess, read_settings
from runner.disk import SpoolReserve
from runner.exit_record import ExitRecordWriter
from runner.step_files import STARTED, StepFiles
from runner.stop_ladder import LadderLimits
from runner.sweep import LostStep, SweepResult, open_exactly, sweep_lost

_LOCK_POLL_SECONDS = 0.05


class _StartRecord:
    """started.json with its types checked."""

    __slots__ = (
        "boot_id",
        "runner_ticks",
        "session",
        "started_at",
        "started_boottime",
        "terraform_pid",
        "terraform_ticks",
    )

    def __init__(self, content: dict[str, object]) -> None:
        self.boot_id = str(content["boot_id"])
        self.runner_ticks = int(str(content["runner_start_ticks"]))
        self.session = int(str(content["session"]))
        self.started_at = str(content["started_at"])
        self.started_boottime = float(str(content["started_boottime"]))
        self.terraform_pid = int(str(content["terraform_pid"]))
        self.terraform_ticks = int(str(content["terraform_start_ticks"]))


def finish(path: str) -> int:
    """End the step of a killed runner; return this process's exit status, see `step_files`."""
    folder = StepFiles(path)
    if folder.lock(step_files.RUNNER_LOCK) is None:
        return step_files.HELD
    if folder.exists(step_files.EXIT):
        return step_files.ENDED
    content = folder.read_json(STARTED)
    if content is None:
        return step_files.NEVER_STARTED
    _finish(folder, _StartRecord(content))
    return step_files.ENDED


def _finish(folder: StepFiles, started: _StartRecord) -> None:
    same_boot = started.boot_id == linux.boot_id()
    pidfd = open_exactly(started.terraform_pid, started.terraform_ticks) if same_boot else None
    terraform = TerraformProcess(
        -1 if pidfd is None else pidfd,
        group=None,
        started_at=started.started_at,
        started_boottime=started.started_boottime,
    )
    spool = folder.open_spool()
    control = RunnerControl(folder, _settings(folder), terraform, spool, SpoolReserve(spool))
    control.read_stop_request()
    if pidfd is not None:
        control.record_prior_interrupt()
        control.wait_until_exit()
    record = ExitRecordWriter("runner_lost", started.started_at)
    record.control = control
    if same_boot:
        record.swept = _sweep(folder, started)
    record.write(folder)


def _settings(folder: StepFiles) -> StepSettings:
    try:
        return read_settings(folder)
    except (ValueError, OSError):
        # Without step.json there are no limits. The death of its runner has interrupted terraform,
        # which may run until the lease ends, and is killed then.
        limits = dict.fromkeys(LadderLimits.__slots__, float("inf"))
        limits |= {"lost_lease_second_seconds": 0.0, "lost_lease_kill_seconds": 0.0}
        return StepSettings(
            {"phase": "apply", "deadline_seconds": 0, "no_progress_seconds": 0, "ladder": limits}
        )


def _sweep(folder: StepFiles, started: _StartRecord) -> SweepResult:
    """Sweep until this process holds alive.lock: then no process of the step is alive."""
    step = LostStep(folder, started.session, started.runner_ticks, started.terraform_ticks)
    total = SweepResult()
    while True:
        swept = sweep_lost(step)
        total.count += swept.count
        total.left = swept.left
        if folder.lock(step_files.ALIVE_LOCK) is not None:
            return total
        time.sleep(_LOCK_POLL_SECONDS)
