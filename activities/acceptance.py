"""Admits activities of accepted deployments alone, by an interceptor of the worker.

Every activity passes, also one that a later version adds, and also one that a workflow of another
program schedules on a task queue of ours.
"""

from typing import Any, Protocol, runtime_checkable

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.failures import translated
from deployments.acceptance import AcceptedDeployment
from deployments.errors import NotAcceptedByApi, NotFound

__all__ = ["AcceptanceInterceptor"]


class Acceptances(Protocol):
    """Read the accepted deployment of a run of a workflow; raises NotAcceptedByApi."""

    async def read(self, deployment: str, run: str) -> AcceptedDeployment: ...


class Origins(Protocol):
    """The run directories of this host."""

    def check_origin(self, deployment: str, execution: str) -> None:
        """Raise NotAcceptedByApi for a run directory of another host or execution."""


@runtime_checkable
class OrderedInput(Protocol):
    """The input of an activity of ours; any other input is refused."""

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether all of the input follows from the accepted deployment."""


class AcceptanceInterceptor(Interceptor):
    """Refuses an activity whose input does not follow from a deployment that the API accepted."""

    def __init__(self, acceptances: Acceptances, origins: Origins) -> None:
        self._acceptances = acceptances
        self._origins = origins

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Put the check before each activity."""
        return _AcceptanceCheck(next, self._acceptances, self._origins)


class _AcceptanceCheck(ActivityInboundInterceptor):
    def __init__(
        self, next: ActivityInboundInterceptor, acceptances: Acceptances, origins: Origins
    ) -> None:
        super().__init__(next)
        self._acceptances = acceptances
        self._origins = origins

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - Temporal's
        """Check, then run the activity."""
        with translated():
            await self._check(*input.args)
        return await super().execute_activity(input)

    async def _check(self, *inputs: Any) -> None:  # noqa: ANN401 - any value that Temporal delivered
        info = activity.info()
        deployment, run = info.workflow_id or "", info.workflow_run_id or ""
        try:
            accepted = await self._acceptances.read(deployment, run)
            self._origins.check_origin(deployment, accepted.execution)
        except NotFound as error:
            raise NotAcceptedByApi(str(error)) from None
        if len(inputs) != 1 or not isinstance(inputs[0], OrderedInput):
            raise NotAcceptedByApi("The activity has no input of a deployment.")
        if not inputs[0].is_ordered_by(accepted):
            raise NotAcceptedByApi("The activity does not follow from the accepted request.")
