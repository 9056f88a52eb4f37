"""The admission of a deployment by a host that has a free place and free disk space."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.deployments import DeploymentActivities, PrepareDeploymentInput
    from deployments.deployment import DeploymentRequest, PreparedHost
    from workflows import activity_options, activity_results
    from workflows.outcomes import is_refused_for_space

__all__ = ["admitted"]

# A worker whose disk is full polls for no deployment; the exception is one that it had polled for.
_FULL_DISK_PAUSE = timedelta(seconds=30)


async def admitted(request: DeploymentRequest, owner: str) -> PreparedHost:
    """Wait for a host, also while the hosts' disks are full; raises ActivityError."""
    while True:
        try:
            return await activity_results.execute(
                DeploymentActivities.prepare_deployment,
                PrepareDeploymentInput(
                    workflow.info().workflow_id,
                    request,
                    workflow.info().first_execution_run_id,
                    owner,
                ),
                PreparedHost,
                cancels=True,
                **activity_options.PREPARE,
            )
        except ActivityError as error:
            if not is_refused_for_space(error):
                raise
        await workflow.sleep(_FULL_DISK_PAUSE, summary="the disk of the host is full")
