"""Conclusions from failed activities and ended steps."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from deployments.deployment import DeploymentResult, Status
    from deployments.errors import (
        DiskFull,
        NotAcceptedByApi,
        StateBeingRecovered,
        StateOnAnotherHost,
        StateReplaced,
        StateUnreachable,
    )
    from deployments.explanations import explain
    from deployments.phase import TERRAFORM_PHASES
    from deployments.reasons import Reason
    from deployments.step import StepOutcome, StepResult
    from workflows.activity_results import is_ended_by_operator

__all__ = [
    "complete",
    "error_type",
    "failure_message",
    "is_application_error",
    "is_refused_for_space",
    "is_safe_to_rerun",
    "is_schedule_to_start_timeout",
    "refusal_to_prepare",
]

# By `error_type`.
_REFUSALS: dict[str | None, Reason] = {
    NotAcceptedByApi.__name__: Reason.NOT_ACCEPTED_BY_API,
    StateOnAnotherHost.__name__: Reason.STATE_ON_ANOTHER_HOST,
    StateBeingRecovered.__name__: Reason.STATE_BEING_RECOVERED,
    StateReplaced.__name__: Reason.STATE_REPLACED,
    StateUnreachable.__name__: Reason.STATE_UNREACHABLE,
}


def is_safe_to_rerun(result: StepResult) -> bool:
    """Whether terraform did not start, or was lost in a phase that changes no resources."""
    if result.outcome is StepOutcome.NOT_STARTED:
        return True
    changes = TERRAFORM_PHASES[result.phase].changes_resources
    return result.outcome is StepOutcome.RUNNER_LOST and not changes


def is_schedule_to_start_timeout(error: ActivityError) -> bool:
    """Whether no worker took the activity in time."""
    cause = error.cause
    return isinstance(cause, ActivityTimeoutError) and cause.type is TimeoutType.SCHEDULE_TO_START


def error_type(error: ActivityError) -> str | None:
    """The name of the class of the error that an activity raised; None for another failure."""
    return error.cause.type if isinstance(error.cause, ApplicationError) else None


def is_application_error(error: ActivityError) -> bool:
    """Whether the code of a worker raised the error, not an operator or Temporal."""
    return isinstance(error.cause, ApplicationError) and not is_ended_by_operator(error)


def is_refused_for_space(error: ActivityError) -> bool:
    """Whether the disk of a host had too little space to begin the activity's work."""
    return error_type(error) == DiskFull.__name__


def refusal_to_prepare(error: ActivityError) -> Reason:
    """Why no host has prepared the deployment."""
    return _REFUSALS.get(error_type(error), Reason.PREPARE_FAILED)


def failure_message(error: ActivityError) -> str:
    """The message of the error that made an activity fail, without the name of our class."""
    if isinstance(error.cause, ApplicationError):
        return error.cause.message
    return str(error.cause or error)


def complete(result: DeploymentResult) -> DeploymentResult:
    """End the workflow as Temporal's Completed, Canceled or Failed.

    Raises:
        CancelledError: the deployment was cancelled.
        ApplicationError: the deployment failed or needs attention; the type is the reason.
    """
    if result.status is Status.CANCELLED:
        raise CancelledError("cancelled")
    if result.status in (Status.COMPLETED, Status.DISCARDED):
        return result
    raise ApplicationError(
        explain(result.reason).message, type=str(result.reason), non_retryable=True
    )
