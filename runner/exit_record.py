"""exit.json: what became of a step, written once, at the very end."""

from runner import linux
from runner.control import RunnerControl
from runner.step_files import CREDENTIAL, EXIT, StepFiles, StopRequest
from runner.sweep import SweepResult


class ExitRecordWriter:
    """The record while it is put together; what nobody sets stays at "nothing happened"."""

    __slots__ = (
        "ended_at",
        "error",
        "exit_code",
        "outcome",
        "signal",
        "started_at",
        "stop",
        "swept",
        "watch",
    )

    def __init__(self, outcome: str, started_at: str | None) -> None:
        """`outcome` is one of exited, runner_lost, not_started, start_failed."""
        self.outcome = outcome
        self.started_at = started_at
        self.ended_at = linux.rfc3339_now()
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.error: str | None = None
        self.stop: StopRequest | None = None
        self.watch: RunnerControl | None = None
        self.swept = SweepResult()

    def write(self, folder: StepFiles) -> None:
        stop = self.watch.stop if self.watch is not None else self.stop
        # Nobody is left to ask for it, and whoever sees the record need not look for it.
        folder.remove(CREDENTIAL)
        folder.write_json(
            EXIT,
            {
                "outcome": self.outcome,
                "exit_code": self.exit_code,
                "signal": self.signal,
                "stop": stop
                and {
                    "cause": stop.cause,
                    "requested_at": stop.requested_at,
                    "force": stop.force,
                },
                "signals": self.watch.signals if self.watch is not None else [],
                "started_at": self.started_at,
                "ended_at": self.ended_at,
                "operations": self._operations(),
                "swept": self.swept.count,
                "saving": self.watch is not None and self.watch.saving,
                "error": self._error(),
            },
        )

    def _operations(self) -> dict[str, object]:
        if self.watch is None:
            return {"started": 0, "completed": 0, "open": []}
        seen = self.watch.operations
        seen.read()
        return {"started": seen.started, "completed": seen.completed, "open": seen.open}

    def _error(self) -> str | None:
        if self.error is None and self.swept.left:
            return f"{self.swept.left} processes of the step did not die of SIGKILL"
        return self.error
