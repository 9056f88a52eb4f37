"""Signs the input of a deployment's workflow, and reads the proof of a workflow's acceptance.

The server stores with which input and when a workflow was started. So the proof is read from the
first event of the run, and no workflow carries a copy that another program could change.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client

from adapters.encryption import InputSigner
from adapters.temporal.client import translated
from deployments.acceptance import AcceptedDeployment, signed_text
from deployments.deployment_id import is_deployment_id
from deployments.errors import NotAcceptedByApi, NotFound
from deployments.step_order import DeploymentInput
from deployments.temporal_names import DEPLOYMENT_WORKFLOW

__all__ = ["TemporalAcceptances", "sign_input"]

# Temporal answers in milliseconds. `stop_step`, the shortest activity, may take 3 s.
_RPC = timedelta(seconds=2)
# The API starts the workflow in the same request. Both times are by Temporal's clock.
_MAX_AGE = timedelta(minutes=5)
# A host has some ten deployments at a time, each with an activity per step.
_MAX_CACHED = 64


def sign_input(
    client: Client, signer: InputSigner, deployment: str, input: DeploymentInput
) -> DeploymentInput:
    """The input with the signature over the JSON that Temporal will store."""
    payload = client.data_converter.payload_converter.to_payloads([input])[0]
    text = signed_text(deployment, json.loads(payload.data))
    return replace(input, signature=signer.sign(text))


class TemporalAcceptances:
    """The accepted deployments of a namespace."""

    def __init__(
        self, client: Client, signer: InputSigner, is_prepared: Callable[[str, str], bool]
    ) -> None:
        """`is_prepared`: whether this host made the run directory for a deployment's execution."""
        self._client = client
        self._signer = signer
        self._is_prepared = is_prepared
        # By run id: the first event of a run never changes.
        self._accepted: OrderedDict[str, AcceptedDeployment] = OrderedDict()

    async def read(self, deployment: str, run: str) -> AcceptedDeployment:
        """Return the accepted deployment of a run of a workflow.

        Raises:
            NotAcceptedByApi: the API did not start the run, or the run is a copy.
            TemporalUnavailable: Temporal does not answer.
        """
        if run not in self._accepted:
            if not is_deployment_id(deployment):
                raise NotAcceptedByApi("The id is no id of a deployment.")
            self._accepted[run] = await self._verified(deployment, run)
            if len(self._accepted) > _MAX_CACHED:
                self._accepted.popitem(last=False)
        self._accepted.move_to_end(run)
        accepted = self._accepted[run]
        if accepted.id != deployment:
            raise NotAcceptedByApi("The run belongs to another deployment.")
        return accepted

    async def _verified(self, deployment: str, run: str) -> AcceptedDeployment:
        event = await self._first_event(deployment, run)
        started = event.workflow_execution_started_event_attributes
        if started.workflow_type.name != DEPLOYMENT_WORKFLOW:
            raise NotAcceptedByApi("The workflow is no deployment.")
        fields, input = await self._decode(event)
        if not self._signer.verify(signed_text(deployment, fields), input.signature):
            raise NotAcceptedByApi("The request is not signed, or was changed.")
        if abs(_started_at(event) - datetime.fromisoformat(input.accepted_at)) > _MAX_AGE:
            raise NotAcceptedByApi("The request was accepted too long before the start.")
        execution = started.first_execution_run_id
        # The first activity of the execution was checked, before the run directory was made. The
        # list comes from a store of its own, whose outage must end no deployment that runs.
        if not self._is_prepared(deployment, execution) and await self._is_copy(
            deployment, execution, _started_at(event)
        ):
            raise NotAcceptedByApi("The request has run before.")
        return AcceptedDeployment(deployment, execution, input)

    async def _decode(self, event: HistoryEvent) -> tuple[dict[str, Any], DeploymentInput]:
        """The input as JSON and as a value."""
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        if len(payloads) != 1:
            raise NotAcceptedByApi("The input is none of a deployment.")
        try:
            [fields] = await self._client.data_converter.decode(payloads, [dict[str, Any]])
            [input] = await self._client.data_converter.decode(payloads, [DeploymentInput])
        # The converter raises errors of many types for content that is made to break it.
        except Exception:  # noqa: BLE001
            raise NotAcceptedByApi("The input is none of a deployment.") from None
        return fields, input

    async def _first_event(self, deployment: str, run: str) -> HistoryEvent:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=deployment, run_id=run),
            maximum_page_size=1,
        )
        with translated(NotFound("Temporal does not know the run.")):
            answer = await self._client.workflow_service.get_workflow_execution_history(
                request, retry=True, timeout=_RPC
            )
        return answer.history.events[0]

    async def _is_copy(self, deployment: str, execution: str, started_at: datetime) -> bool:
        """Whether another execution with this id began earlier: the API starts an id once.

        A reset has another run id, and the first event of the execution that was reset.
        """
        with translated():
            runs = [
                other.run_id
                async for other in self._client.list_workflows(
                    f"WorkflowId = '{deployment}'", rpc_timeout=_RPC
                )
            ]
        for run in runs:
            try:
                event = await self._first_event(deployment, run)
            except NotFound:  # Deleted meanwhile.
                continue
            other = event.workflow_execution_started_event_attributes.first_execution_run_id
            if other != execution and _started_at(event) < started_at:
                return True
        return False


def _started_at(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
