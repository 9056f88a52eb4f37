"""Results of steps from which the end of a deployment is concluded."""

from dataclasses import replace

from deployments.deployment import CancelRequest
from deployments.phase import Phase
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
