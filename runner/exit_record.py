"""exit.json: how a step ended, written once, at the very end."""

import time

from runner import linux
from runner.control import RunnerControl
from runner.step_files import CREDENTIAL, EXIT, StepFiles, StopRequest
from runner.sweep import SweepResult

# Ten open operations, terraform's parallelism, with addresses of 600 characters take 40 KB in JSON.
RESERVE_BYTES = 65536
# A full disk without reserved space: the step has no end without this record.
_RETRY_SECONDS = 0.5


class ExitRecordWriter:
    """Collects the exit record; a field that stays unset has the value for "nothing happened"."""

    __slots__ = (
        "control",
        "disk_full",
        "ended_at",
        "error",
        "exit_code",
        "outcome",
        "signal",
        "started_at",
        "stop",
        "swept",
    )

    def __init__(self, outcome: str, started_at: str | None) -> None:
        """`outcome` is `exited`, `runner_lost`, `not_started` or `start_failed`."""
        self.outcome = outcome
        self.started_at = started_at
        self.ended_at = linux.rfc3339_now()
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.error: str | None = None
        self.stop: StopRequest | None = None
        self.disk_full = False
        self.control: RunnerControl | None = None
        self.swept = SweepResult()

    def write(self, folder: StepFiles) -> None:
        """Remove the credential and write exit.json; wait for space where none is reserved.

        After terraform's exit: records a hole that is younger than the last tick, and frees the
        reserve of the spool.
        """
        control = self.control
        if control is not None:
            control.reserve.watch(linux.boottime())
        stop = control.stop if control is not None else self.stop
        # First: a reader of the exit record may rely on the credential's removal.
        folder.remove(CREDENTIAL)
        content = {
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "signal": self.signal,
            "stop": stop
            and {"cause": stop.cause, "requested_at": stop.requested_at, "force": stop.force},
            "signals": control.signals if control is not None else [],
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "operations": self._operations(),
            "swept": self.swept.count,
            "saving": control is not None and control.saving,
            "error": self._error(),
            **self._host(),
        }
        while not _written(folder, content):
            time.sleep(_RETRY_SECONDS)
        if control is not None:
            control.reserve.release()

    def _host(self) -> dict[str, object]:
        """Faults of the host: `spool_hole` is the offset from which lines may be missing."""
        if self.control is None:
            return {"disk_full": self.disk_full, "spool_hole": None, "oom_kills": 0}
        reserve = self.control.reserve
        return {
            "disk_full": reserve.full,
            "spool_hole": reserve.hole,
            "oom_kills": linux.oom_kills() - self.control.oom_kills_before,
        }

    def _operations(self) -> dict[str, object]:
        if self.control is None:
            return {"started": 0, "completed": 0, "open": []}
        counts = self.control.operations
        counts.read()
        return {"started": counts.started, "completed": counts.completed, "open": counts.open}

    def _error(self) -> str | None:
        if self.error is None and self.swept.left:
            return f"{self.swept.left} processes of the step survived SIGKILL"
        return self.error


def _written(folder: StepFiles, content: dict[str, object]) -> bool:
    try:
        folder.write_json(EXIT, content)
    except OSError as error:
        if error.errno not in linux.FULL:
            raise
        return False
    return True
