"""The plan as artifacts; a deployment does not depend on them."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.deployments import DeploymentActivities, ReportPlanInput
    from workflows.activity_options import REPORT_PLAN
    from workflows.outcomes import failure_message

__all__ = ["report_plan"]


async def report_plan(queue: str) -> None:
    """Store the last plan of the host with this queue; a failure is only logged."""
    try:
        await workflow.execute_activity_method(
            DeploymentActivities.report_plan,
            ReportPlanInput(workflow.info().workflow_id),
            task_queue=queue,
            **REPORT_PLAN,
        )
    except ActivityError as error:
        workflow.logger.warning("no plan report: %s", failure_message(error))
