"""Makes a step's result from the runner's exit record and terraform's messages."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from adapters.terraform.output.progress import ProgressAccumulator
from deployments.errors import RunDirectoryBroken
from deployments.events import EndRecord
from deployments.phase import Phase
from deployments.step import ResourceStatus, StepKey, StepOutcome, StepResult, StopCause
from deployments.terraform_death import Death, cause_of_death

__all__ = ["ExitRecord", "StepEvidence", "interpret", "read_exit"]


# A program in Go exits with 2 after a panic, terraform with 11 after a panic that it catches; then
# the state of the last seconds is not written. None: the code is lost with the runner.
_ORDERLY_EXIT_CODES = frozenset({None, 0, 1})


class _Stop(msgspec.Struct):
    cause: str = ""


class _Operations(msgspec.Struct):
    started: int = 0


class ExitRecord(msgspec.Struct):
    """The fields of `exit.json` that the worker reads; the runner writes the file."""

    outcome: str
    exit_code: int | None = None
    signal: int | None = None
    stop: _Stop | None = None
    signals: list[dict[str, Any]] = []
    started_at: str | None = None
    ended_at: str | None = None
    operations: _Operations = msgspec.field(default_factory=_Operations)
    error: str | None = None
    disk_full: bool = False
    spool_hole: int | None = None
    oom_kills: int = 0

    @property
    def clean(self) -> bool:
        """Whether terraform ended by itself: a second interrupt can lose the state (measured).

        True where no operation had begun: an interrupt in terraform's first milliseconds kills the
        process before the signal handler exists, and no resource is lost.
        """
        if self.operations.started == 0:
            return True
        orderly = self.signal is None and self.exit_code in _ORDERLY_EXIT_CODES
        return orderly and len(self.signals) < 2

    @property
    def cause(self) -> StopCause | None:
        """The cause of the stop; None where terraform was not stopped."""
        return StopCause(self.stop.cause) if self.stop and self.stop.cause else None


@dataclass(frozen=True)
class StepEvidence:
    """Facts about an ended step that the exit record does not hold.

    `runner_errors`: the stderr of a runner that failed.
    """

    seal: EndRecord | None
    epoch: int
    crash: str = ""
    limit_seconds: int = 0
    runner_errors: str = ""


def read_exit(folder: Path) -> ExitRecord | None:
    """Read a step's `exit.json`, None where missing; raises RunDirectoryBroken where malformed."""
    try:
        return msgspec.json.decode((folder / "exit.json").read_bytes(), type=ExitRecord)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise RunDirectoryBroken(f"exit.json: {error}") from None


def interpret(
    key: StepKey,
    phase: Phase,
    record: ExitRecord,
    accumulator: ProgressAccumulator,
    evidence: StepEvidence,
) -> StepResult:
    """The result of an ended step.

    An interrupted terraform may exit 0 (measured in plan), so a recorded stop decides the outcome.
    Only an apply that terraform reported as complete is done despite a stop.
    """
    open_statuses = (ResourceStatus.PLANNED, ResourceStatus.RUNNING, ResourceStatus.FAILED)
    is_apply = phase is Phase.APPLY
    return StepResult(
        key=key,
        phase=phase,
        outcome=_outcome(phase, record, accumulator),
        exit_code=record.exit_code,
        stop=record.cause,
        clean=record.clean,
        applied=accumulator.applied,
        signals=len(record.signals),
        counts=accumulator.achieved()
        if is_apply and not accumulator.applied
        else accumulator.counts,
        changed=accumulator.addresses(ResourceStatus.DONE),
        not_applied=accumulator.addresses(*open_statuses) if is_apply else [],
        diagnostics=accumulator.diagnostics,
        outputs=accumulator.outputs if is_apply else [],
        seal=evidence.seal,
        error=record.error or evidence.runner_errors,
        started_at=record.started_at or "",
        ended_at=record.ended_at or "",
        epoch=evidence.epoch,
        omitted=accumulator.diagnostics_omitted,
        death=cause_of_death(
            Death(
                exit_code=record.exit_code,
                signal=record.signal,
                sent=frozenset(str(sent.get("signal")) for sent in record.signals),
                oom_kills=record.oom_kills,
                disk_full=record.disk_full,
                crash=evidence.crash,
                interrupted=accumulator.interrupted,
            )
        ),
        disk_full=record.disk_full,
        limit_seconds=evidence.limit_seconds,
        unchanged=accumulator.addresses(ResourceStatus.UNCHANGED),
        silent=[] if is_apply else accumulator.silent(),
    )


def _outcome(phase: Phase, record: ExitRecord, accumulator: ProgressAccumulator) -> StepOutcome:
    if record.outcome != "exited":
        return StepOutcome(record.outcome)
    complete = record.exit_code == 0 and (phase is not Phase.APPLY or accumulator.applied)
    if complete and (record.cause is None or phase is Phase.APPLY):
        return StepOutcome.DONE
    if record.cause is not None:
        return StepOutcome.STOPPED
    # An apply that exits 0 without the completion message: the log was lost (disk full).
    return StepOutcome.DONE if record.exit_code == 0 else StepOutcome.FAILED
