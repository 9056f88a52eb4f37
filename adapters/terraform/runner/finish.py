"""--finish: goes on where a killed runner stopped.

Terraform got SIGINT by the death of its runner and may still be saving its state; its exit status
is lost for good, since only a parent learns it.
"""

import time

from adapters.terraform.runner import linux, segment_files
from adapters.terraform.runner.record import ExitRecordWriter
from adapters.terraform.runner.segment_files import STARTED, StepFiles
from adapters.terraform.runner.sweep import LostStep, SweepResult, open_exactly, sweep_lost
from adapters.terraform.runner.watch import StepSettings, TerraformProcess, RunnerControl, read_settings

_LOCK_LOOK_SECONDS = 0.05  # as often as everything else is looked at


class _Started:
    """started.json, checked."""

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
    """Bring a segment whose runner was killed to its exit record.

    Returns:
        The runner's own exit status, see `segment_files`.
    """
    folder = StepFiles(path)
    if folder.lock(segment_files.RUNNER_LOCK) is None:
        return segment_files.HELD
    if folder.exists(segment_files.EXIT):
        return segment_files.ENDED
    content = folder.read_json(STARTED)
    if content is None:
        return segment_files.NEVER_STARTED
    _finish(folder, _Started(content))
    return segment_files.ENDED


def _finish(folder: StepFiles, started: _Started) -> None:
    same_boot = started.boot_id == linux.boot_id()
    pidfd = open_exactly(started.terraform_pid, started.terraform_ticks) if same_boot else None
    terraform = TerraformProcess(
        -1 if pidfd is None else pidfd,
        group=None,
        started_at=started.started_at,
        started_boottime=started.started_boottime,
    )
    watch = RunnerControl(folder, _settings(folder), terraform, folder.open_spool())
    watch.read_stop()
    if pidfd is not None:
        watch.interrupted_already()
        watch.until_end()
    ending = ExitRecordWriter("runner_lost", started.started_at)
    ending.watch = watch
    if same_boot:
        ending.swept = _sweep(folder, started)
    ending.write(folder)


def _settings(folder: StepFiles) -> StepSettings:
    try:
        return read_settings(folder)
    except (ValueError, OSError):
        # A segment must end whatever happened to its folder: the most careful phase, with the
        # design's limits.
        return StepSettings(
            {"phase": "apply", "deadline_seconds": 0, "no_progress_seconds": 0, "ladder": {}}
        )


def _sweep(folder: StepFiles, started: _Started) -> SweepResult:
    """Sweep until alive.lock is free, and keep it: from then on nothing of the segment is alive."""
    segment = LostStep(folder, started.session, started.runner_ticks, started.terraform_ticks)
    total = SweepResult()
    while True:
        swept = sweep_lost(segment)
        total.count += swept.count
        total.left = swept.left
        if folder.lock(segment_files.ALIVE_LOCK) is not None:
            return total
        time.sleep(_LOCK_LOOK_SECONDS)
