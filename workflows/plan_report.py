"""The plan as an artifact; a deployment does not depend on it."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.deployments import DeploymentActivities, ReportPlanInput
    from workflows.outcomes import failure_message

__all__ = ["report_plan"]

# Two terraform queries of at most a minute.
_LIMIT = timedelta(seconds=150)
_HEARTBEAT = timedelta(seconds=5)
_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=10,
)


async def report_plan(queue: str) -> None:
    """Keep the last plan of this host as an artifact, beside the apply."""
    try:
        await workflow.execute_activity_method(
            DeploymentActivities.report_plan,
            ReportPlanInput(workflow.info().workflow_id),
            task_queue=queue,
            start_to_close_timeout=_LIMIT,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_ATTEMPTS,
            summary="keeps the plan as an artifact",
        )
    except ActivityError as error:
        workflow.logger.warning("no plan report: %s", failure_message(error))
