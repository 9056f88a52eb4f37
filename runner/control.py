"""The loop: follows one terraform until it ends, and stops it when it must."""

import os
import select
import time

from runner import linux, stop_ladder
from runner.open_operations import OpenOperations
from runner.step_files import STEP, STOP, StepFiles, StopRequest

TYPE_CHECKING = False  # typing's own costs an import; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Callable

# A stop is seen within this time, for 50 looks a second at one file (0.3 % of a core): with 50 ms
# a cancel became an interrupt in 76 ms in the median and 101 at most, and 100 are allowed.
_TICK_MILLISECONDS = 20

_LEASE_LOOK_SECONDS = 1.0  # leases are minutes long


class StepSettings:
    """The phase and its limits from step.json, in seconds."""

    __slots__ = ("deadline_seconds", "limits", "no_progress_seconds", "phase")

    def __init__(self, step: dict[str, object]) -> None:
        """Read the settings.

        Raises:
            TypeError: one is missing or has another type.
        """
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
    """The step's settings.

    Raises:
        ValueError: step.json is missing, or not as a worker writes it.
    """
    step = folder.read_json(STEP)
    if step is None:
        raise ValueError(f"{STEP} is missing")
    try:
        return StepSettings(step)
    except TypeError as problem:
        raise ValueError(f"{STEP}: {problem}") from problem


class TerraformProcess:
    """The terraform that is watched, and how it gets a signal."""

    __slots__ = ("group", "pidfd", "started_at", "started_boottime")

    def __init__(
        self, pidfd: int, *, group: int | None, started_at: str, started_boottime: float
    ) -> None:
        """`group` is its process group, given only where nobody else can have the number."""
        self.pidfd = pidfd
        self.group = group
        self.started_at = started_at
        self.started_boottime = started_boottime

    def interrupt(self) -> None:
        """SIGINT to terraform alone: to a provisioner it decides itself what to do."""
        self._send(linux.signals.SIGINT)

    def kill(self) -> None:
        if self.group is None:
            self._send(linux.signals.SIGKILL)
        else:
            os.killpg(self.group, linux.signals.SIGKILL)

    def _send(self, number: int) -> None:
        try:
            linux.signals.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return  # it ended just now, which the loop is about to see


class Termination:
    """Remembers a SIGTERM; it may come before there is anything to stop."""

    __slots__ = ("requested",)

    def __init__(self) -> None:
        self.requested = False

    def on_signal(self, _number: int, _frame: object) -> None:
        self.requested = True


def _nothing() -> None:
    """What happens each second unless somebody wants something."""


class RunnerControl:
    """One terraform from its start to its end."""

    __slots__ = (
        "_folder",
        "_lease",
        "_next_lease_look",
        "_progress_at",
        "_settings",
        "_situation",
        "_spool",
        "_spool_bytes",
        "_stop_stamp",
        "_terraform",
        "each_second",
        "operations",
        "saving",
        "signals",
        "stop",
        "termination",
    )

    def __init__(
        self, folder: StepFiles, settings: StepSettings, terraform: TerraformProcess, spool: int
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._terraform = terraform
        self._spool = spool
        self._situation = stop_ladder.Situation(settings.phase)
        self._stop_stamp: tuple[int, int] | None = None
        self._lease: float | None = None
        self._next_lease_look = 0.0
        self._spool_bytes = 0
        self._progress_at = time.monotonic()
        self.operations = OpenOperations(spool)
        self.signals: list[dict[str, object]] = []
        self.stop: StopRequest | None = None
        self.saving = False  # terraform was seen saving its state after it was told to stop
        self.termination = Termination()
        self.each_second: Callable[[], None] = _nothing

    def until_end(self) -> None:
        """Return when terraform has ended; it is not buried yet."""
        poll = select.poll()
        poll.register(self._terraform.pidfd, select.POLLIN)
        while not poll.poll(_TICK_MILLISECONDS):
            self._tick(linux.boottime())

    def interrupted_already(self) -> None:
        """Count a SIGINT that terraform got from elsewhere: by the death of its runner."""
        self._record("SIGINT", linux.boottime())

    def read_stop(self) -> None:
        """Take in stop.json when it is new or was replaced."""
        stamp = self._folder.stamp(STOP)
        if stamp is None or stamp == self._stop_stamp:
            return
        self._stop_stamp = stamp
        asked = self._folder.read_stop()
        if asked is None:
            return
        if self.stop is None:
            self.stop = asked
        self.stop.force = self.stop.force or asked.force

    def _tick(self, now: float) -> None:
        self.read_stop()
        if now >= self._next_lease_look:
            self._next_lease_look = now + _LEASE_LOOK_SECONDS
            self._look_at_lease(now)
            self.each_second()
        if self.termination.requested:
            self._stop_for("terminated")
        if self.stop is None and not self.signals:
            self._judge_time(now)
        if self.stop is not None or self.signals:
            self._climb(now)

    def _stop_for(self, cause: str) -> None:
        """A cause of our own; not the cause when terraform is being stopped already."""
        if self.stop is None and not self.signals:
            self.stop = StopRequest(cause, linux.rfc3339_now())

    def _look_at_lease(self, now: float) -> None:
        # A lease that cannot be read ends when the last one that could be read does.
        self._lease = self._folder.lease() or self._lease
        if self._situation.lease_ended_at is None and (self._lease or 0.0) <= now:
            self._situation.lease_ended_at = self._lease or now
            self._stop_for("lost_lease")

    def _judge_time(self, now: float) -> None:
        if now - self._terraform.started_boottime >= self._settings.deadline_seconds:
            self._stop_for("deadline")
        elif not self._moves():
            self.operations.read()
            if not self.operations.saving:
                self._stop_for("no_progress")

    def _moves(self) -> bool:
        """Whether the spool grew lately, by a clock that stands still while the machine sleeps."""
        size = os.fstat(self._spool).st_size
        now = time.monotonic()
        if size != self._spool_bytes:
            self._spool_bytes, self._progress_at = size, now
        return now - self._progress_at < self._settings.no_progress_seconds

    def _climb(self, now: float) -> None:
        situation = self._situation
        self.operations.read()
        situation.force = self.stop is not None and self.stop.force
        situation.started = self.operations.started
        situation.open = len(self.operations.open)
        if not self.operations.saving:
            situation.saving_since = None
        elif situation.interrupted_at:
            self.saving = True
            situation.saving_since = situation.saving_since or now
        step = stop_ladder.next_action(self._settings.limits, situation, now)
        if step == stop_ladder.INTERRUPT:
            self._terraform.interrupt()
            self._record("SIGINT", now)
        elif step == stop_ladder.KILL:
            self._terraform.kill()
            situation.killed = True
            self._record("SIGKILL", now)

    def _record(self, signal: str, now: float) -> None:
        if signal == "SIGINT":
            self._situation.interrupted_at.append(now)
        after = round(now - self._terraform.started_boottime, 3)
        self.signals.append({"signal": signal, "at": linux.rfc3339_now(), "after_seconds": after})
