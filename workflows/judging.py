"""What a failed activity or an ended segment means for what comes next."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from deployments.deployment import DeploymentResult, Status
    from deployments.phase import Phase
    from deployments.reasons import explain
    from deployments.segment import SegmentOutcome, SegmentResult

__all__ = ["end", "is_silence", "may_repeat", "words_of"]


def may_repeat(result: SegmentResult) -> bool:
    """Nothing was begun, or nothing could be lost."""
    if result.outcome is SegmentOutcome.NOT_STARTED:
        return True
    return result.outcome is SegmentOutcome.RUNNER_LOST and result.phase is not Phase.APPLY


def is_silence(error: ActivityError) -> bool:
    """Whether no worker took the activity."""
    cause = error.cause
    return isinstance(cause, ActivityTimeoutError) and cause.type is TimeoutType.SCHEDULE_TO_START


def words_of(error: ActivityError) -> str:
    """What an activity failed with."""
    return str(error.cause or error)


def end(result: DeploymentResult) -> DeploymentResult:
    """End as Temporal names it: Completed, Canceled or Failed."""
    if result.status is Status.CANCELLED:
        raise CancelledError("cancelled")
    if result.status in (Status.COMPLETED, Status.DISCARDED):
        return result
    raise ApplicationError(
        explain(result.reason).sentence, type=str(result.reason), non_retryable=True
    )
