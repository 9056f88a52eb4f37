"""From the runner's exit record and the folded messages to a step's result."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from adapters.terraform.output.messages import ProgressAccumulator
from deployments.errors import RunDirectoryBroken
from deployments.events import EndRecord
from deployments.phase import Phase
from deployments.step import (
    ResourceStatus,
    StepKey,
    StepOutcome,
    StepResult,
    StopCause,
)

__all__ = ["ExitRecord", "StepEvidence", "decode_exit", "interpret"]

# What a result carries through Temporal's history; the journal and the log have all of it.
_MOST_ADDRESSES = 200
_MOST_DIAGNOSTICS = 10
_LONGEST_TEXT = 4_000
_LONGEST_OUTPUT = 4_000


class _Stop(msgspec.Struct):
    cause: str = ""


class _Operations(msgspec.Struct):
    started: int = 0


class ExitRecord(msgspec.Struct):
    """`exit.json` as far as the worker reads it; written by the runner."""

    outcome: str
    exit_code: int | None = None
    signal: int | None = None
    stop: _Stop | None = None
    signals: list[dict[str, Any]] = []
    started_at: str | None = None
    ended_at: str | None = None
    operations: _Operations = msgspec.field(default_factory=_Operations)
    error: str | None = None

    @property
    def clean(self) -> bool:
        """Whether terraform ended by itself: a second interrupt can lose the state (measured).

        Where no operation had begun there is nothing to lose: an interrupt in its first
        milliseconds kills terraform before it listens.
        """
        return self.operations.started == 0 or (self.signal is None and len(self.signals) < 2)

    @property
    def cause(self) -> StopCause | None:
        """Why it was stopped, if it was."""
        return StopCause(self.stop.cause) if self.stop and self.stop.cause else None


@dataclass(frozen=True)
class StepEvidence:
    """What else is known of an ended step."""

    seal: EndRecord | None
    plan_sha256: str
    epoch: int


def decode_exit(data: bytes) -> ExitRecord:
    """Read `exit.json`.

    Raises:
        RunDirectoryBroken: it is none.
    """
    try:
        return msgspec.json.decode(data, type=ExitRecord)
    except msgspec.MsgspecError as error:
        raise RunDirectoryBroken(f"exit.json: {error}") from None


def interpret(
    key: StepKey,
    phase: Phase,
    record: ExitRecord,
    accumulator: ProgressAccumulator,
    traces: StepEvidence,
) -> StepResult:
    """What the step left behind.

    An interrupted terraform may exit 0 (measured in plan), so a recorded stop decides; only an
    apply that terraform itself called complete is done whatever was asked of it.
    """
    not_applied = accumulator.addresses(
        ResourceStatus.PLANNED, ResourceStatus.RUNNING, ResourceStatus.FAILED
    )
    changed = accumulator.addresses(ResourceStatus.DONE)
    diagnostics = [
        diagnostic for diagnostic in accumulator.diagnostics if diagnostic.severity == "error"
    ] or accumulator.diagnostics
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
        if phase is Phase.APPLY and not accumulator.applied
        else accumulator.counts,
        changed=changed[:_MOST_ADDRESSES],
        not_applied=not_applied[:_MOST_ADDRESSES] if phase is Phase.APPLY else [],
        diagnostics=[
            replace(item, summary=item.summary[:_LONGEST_TEXT], detail=item.detail[:_LONGEST_TEXT])
            for item in diagnostics[:_MOST_DIAGNOSTICS]
        ],
        outputs=[
            output for output in accumulator.outputs if len(output.value_json) <= _LONGEST_OUTPUT
        ],
        seal=traces.seal,
        plan_sha256=traces.plan_sha256,
        error=(record.error or "")[:_LONGEST_TEXT],
        started_at=record.started_at or "",
        ended_at=record.ended_at or "",
        epoch=traces.epoch,
        omitted=sum(max(0, len(entry) - _MOST_ADDRESSES) for entry in (changed, not_applied)),
    )


def _outcome(phase: Phase, record: ExitRecord, accumulator: ProgressAccumulator) -> StepOutcome:
    if record.outcome != "exited":
        return StepOutcome(record.outcome)
    complete = record.exit_code == 0 and (phase is not Phase.APPLY or accumulator.applied)
    if complete and (record.cause is None or phase is Phase.APPLY):
        return StepOutcome.DONE
    if record.cause is not None:
        return StepOutcome.STOPPED
    # An apply that exits 0 without saying that it is complete: its log was lost (disk full).
    return StepOutcome.DONE if record.exit_code == 0 else StepOutcome.FAILED
