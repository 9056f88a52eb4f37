"""Results of steps, and the end of a deployment that is concluded from them."""

from dataclasses import replace

from deployments.deployment import CancelRequest, Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import Counts, Diagnostic, StepKey, StepOutcome, StepResult, StopCause

BY_USER = CancelRequest(by="ann", reason="wrong project")
BY_OPERATOR = CancelRequest(by="")


def step(phase: Phase, outcome: StepOutcome, **fields: object) -> StepResult:
    return replace(StepResult(StepKey("dep-1", 1), phase, outcome), **fields)  # type: ignore[arg-type]  # any field of it


INIT = step(Phase.INIT, StepOutcome.DONE, exit_code=0)
PLAN = step(Phase.PLAN, StepOutcome.DONE, exit_code=0, counts=Counts(add=3), plan_sha256="ab")
APPLIED = step(
    Phase.APPLY, StepOutcome.DONE, exit_code=0, applied=True, counts=Counts(add=2, change=1)
)


def stopped(phase: Phase, cause: StopCause | None, **fields: object) -> StepResult:
    return step(phase, StepOutcome.STOPPED, stop=cause, exit_code=1, **fields)


def failed(phase: Phase, **fields: object) -> StepResult:
    return step(phase, StepOutcome.FAILED, exit_code=1, **fields)


def refused(summary: str, **fields: object) -> StepResult:
    return failed(Phase.APPLY, diagnostics=[Diagnostic("error", summary)], **fields)


def ended(
    last: StepResult | None,
    cancel: CancelRequest | None = None,
    reconciliation: Reconciliation | None = None,
    **context: object,
) -> tuple[Status, Reason]:
    end = replace(EndContext(Phase.APPLY, cancel), **context)  # type: ignore[arg-type]  # any field of it
    result = conclude([last] if last else [], end, reconciliation or Reconciliation())
    return result.status, result.reason
