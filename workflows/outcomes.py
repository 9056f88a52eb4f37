"""What a failed activity or an ended step means for what comes next."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from deployments.deployment import DeploymentResult, Status
    from deployments.phase import Phase
    from deployments.reasons import explain
    from deployments.step import StepOutcome, StepResult

__all__ = ["complete", "failure_message", "is_safe_to_rerun", "is_schedule_to_start_timeout"]


def is_safe_to_rerun(result: StepResult) -> bool:
    """Nothing was begun, or nothing could be lost."""
    if result.outcome is StepOutcome.NOT_STARTED:
        return True
    return result.outcome is StepOutcome.RUNNER_LOST and result.phase is not Phase.APPLY


def is_schedule_to_start_timeout(error: ActivityError) -> bool:
    """Whether no worker took the activity."""
    cause = error.cause
    return isinstance(cause, ActivityTimeoutError) and cause.type is TimeoutType.SCHEDULE_TO_START


def failure_message(error: ActivityError) -> str:
    """What an activity failed with."""
    return str(error.cause or error)


def complete(result: DeploymentResult) -> DeploymentResult:
    """End as Temporal names it: Completed, Canceled or Failed."""
    if result.status is Status.CANCELLED:
        raise CancelledError("cancelled")
    if result.status in (Status.COMPLETED, Status.DISCARDED):
        return result
    raise ApplicationError(
        explain(result.reason).message, type=str(result.reason), non_retryable=True
    )
