"""The loop that follows one terraform until its exit, and stops it when required."""

import os
import select
import time

from runner import linux, stop_ladder
from runner.activity import Activity
from runner.disk import SpoolReserve
from runner.open_operations import OpenOperations
from runner.step_files import STEP, STOP, StepFiles, StopRequest

TYPE_CHECKING = False  # importing typing takes time; type checkers accept this name
if TYPE_CHECKING:
    from collections.abc import Callable

# Poll interval for stop.json: 50 stats a second take 0.3 % of a core. With 50 ms a cancel became
# an interrupt after 76 ms in the median and 101 ms at most; the limit is 100 ms.
_TICK_MILLISECONDS = 20

_LEASE_POLL_SECONDS = 1.0  # leases are minutes long


class StepSettings:
    """The phase and its limits from step.json, in seconds."""

    __slots__ = ("deadline_seconds", "limits", "no_progress_seconds", "phase")

    def __init__(self, step: dict[str, object]) -> None:
        """Read the settings; raises TypeError where one is missing or has another type."""
        phase, ladder = step.get("phase"), step.get("ladder")
        if not isinstance(phase, str):
            raise TypeError("phase is missing")
        self.phase = phase
        self.deadline_seconds = _number(step, "deadline_seconds")
        self.no_progress_seconds = _number(step, "no_progress_seconds")
        self.limits = stop_ladder.LadderLimits(ladder if isinstance(ladder, dict) else {})


def _number(step: dict[str, object], name: str) -> float:
    value = step.get(name)
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is missing or not a number")
    return float(value)


def read_settings(folder: StepFiles) -> StepSettings:
    """The step's settings; raises ValueError unless step.json is as a worker writes it."""
    step = folder.read_json(STEP)
    if step is None:
        raise ValueError(f"{STEP} is missing")
    try:
        return StepSettings(step)
    except TypeError as problem:
        raise ValueError(f"{STEP}: {problem}") from problem


class TerraformProcess:
    """The running terraform, and how to signal it."""

    __slots__ = ("group", "pidfd", "started_at", "started_boottime")

    def __init__(
        self, pidfd: int, *, group: int | None, started_at: str, started_boottime: float
    ) -> None:
        """`group` is the process group, None where the kernel may have reused the number."""
        self.pidfd = pidfd
        self.group = group
        self.started_at = started_at
        self.started_boottime = started_boottime

    def interrupt(self) -> None:
        """Send SIGINT to terraform alone: terraform itself decides about its provisioners."""
        self._send(linux.signals.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the process group, or to terraform alone where the group is unknown."""
        if self.group is None:
            self._send(linux.signals.SIGKILL)
        else:
            os.killpg(self.group, linux.signals.SIGKILL)

    def _send(self, number: int) -> None:
        try:
            linux.signals.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return  # terraform has just exited; the loop ends with the next poll


class Termination:
    """Remembers a SIGTERM, which may arrive before terraform starts."""

    __slots__ = ("requested",)

    def __init__(self) -> None:
        self.requested = False

    def on_signal(self, _number: int, _frame: object) -> None:
        """Handle the signal."""
        self.requested = True


class RunnerControl:
    """Controls one terraform from start to exit; `housekeeping` runs once a second."""

    __slots__ = (
        "_activity",
        "_folder",
        "_lease",
        "_next_lease_check",
        "_progress_at",
        "_settings",
        "_situation",
        "_spool",
        "_spool_bytes",
        "_stop_version",
        "_terraform",
        "housekeeping",
        "oom_kills_before",
        "operations",
        "reserve",
        "saving",
        "signals",
        "stop",
        "termination",
    )

    def __init__(
        self,
        folder: StepFiles,
        settings: StepSettings,
        terraform: TerraformProcess,
        spool: int,
        reserve: SpoolReserve,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._terraform = terraform
        self._spool = spool
        self._situation = stop_ladder.Situation(settings.phase)
        self._stop_version: tuple[int, int] | None = None
        self._lease: float | None = None
        self._next_lease_check = 0.0
        self._spool_bytes = 0
        self._progress_at = time.monotonic()
        self._activity = Activity(os.getsid(0), settings.no_progress_seconds)
        self.oom_kills_before = linux.oom_kills()
        self.reserve = reserve
        self.operations = OpenOperations(spool)
        self.signals: list[dict[str, object]] = []
        self.stop: StopRequest | None = None
        self.saving = False  # terraform saved the state after the first interrupt
        self.termination = Termination()
        self.housekeeping: Callable[[], None] = lambda: None

    def wait_until_exit(self) -> None:
        """Return when terraform has exited; the pid is not reaped yet."""
        poll = select.poll()
        poll.register(self._terraform.pidfd, select.POLLIN)
        while not poll.poll(_TICK_MILLISECONDS):
            self._tick(linux.boottime())

    def record_prior_interrupt(self) -> None:
        """Count the SIGINT that terraform received at the death of its runner."""
        self._record_signal("SIGINT", linux.boottime())

    def read_stop_request(self) -> None:
        """Read stop.json when new or replaced; the first cause stays, `force` may be added."""
        version = self._folder.version(STOP)
        if version is None or version == self._stop_version:
            return
        self._stop_version = version
        request = self._folder.read_stop()
        if request is None:
            return
        if self.stop is None:
            self.stop = request
        self.stop.force = self.stop.force or request.force

    def _tick(self, now: float) -> None:
        self.read_stop_request()
        self.reserve.watch(now)
        if self.reserve.full:
            self._request_stop("disk_full")
        if now >= self._next_lease_check:
            self._next_lease_check = now + _LEASE_POLL_SECONDS
            self._check_lease(now)
            self.housekeeping()
        if self.termination.requested:
            self._request_stop("terminated")
        if self.stop is None and not self.signals:
            self._check_time_limits(now)
        if self.stop is not None or self.signals:
            self._climb_stop_ladder(now)

    def _request_stop(self, cause: str) -> None:
        """Stop for a cause that the runner detected; an earlier cause has precedence."""
        if self.stop is None and not self.signals:
            self.stop = StopRequest(cause, linux.rfc3339_now())

    def _check_lease(self, now: float) -> None:
        # An unreadable lease file does not end the lease that was last read.
        self._lease = self._folder.lease() or self._lease
        if self._situation.lease_ended_at is None and (self._lease or 0.0) <= now:
            self._situation.lease_ended_at = self._lease or now
            self._request_stop("lost_lease")

    def _check_time_limits(self, now: float) -> None:
        if now - self._terraform.started_boottime >= self._settings.deadline_seconds:
            self._request_stop("deadline")
        elif not self._has_progress():
            self.operations.read()
            if not self.operations.saving:
                self._request_stop("no_progress")

    def _has_progress(self) -> bool:
        """Whether output or work was seen within the limit.

        By a clock that stops while the host sleeps.
        """
        size = os.fstat(self._spool).st_size
        now = time.monotonic()
        if size != self._spool_bytes:
            self._spool_bytes, self._progress_at = size, now
        elif self._activity.is_seen(now):
            self._progress_at = now
        return now - self._progress_at < self._settings.no_progress_seconds

    def _climb_stop_ladder(self, now: float) -> None:
        situation = self._situation
        self.operations.read()
        situation.stop_at = situation.stop_at or now
        situation.force = self.stop is not None and self.stop.force
        situation.started = self.operations.started
        situation.open = len(self.operations.open)
        if not self.operations.saving:
            situation.saving_since = None
        elif situation.interrupted_at:
            self.saving = True
            situation.saving_since = situation.saving_since or now
        action = stop_ladder.next_action(self._settings.limits, situation, now)
        if action == stop_ladder.INTERRUPT:
            self._terraform.interrupt()
            self._record_signal("SIGINT", now)
        elif action == stop_ladder.KILL:
            self._terraform.kill()
            situation.killed = True
            self._record_signal("SIGKILL", now)

    def _record_signal(self, signal: str, now: float) -> None:
        if signal == "SIGINT":
            self._situation.interrupted_at.append(now)
        after = round(now - self._terraform.started_boottime, 3)
        self.signals.append({"signal": signal, "at": linux.rfc3339_now(), "after_seconds": after})
