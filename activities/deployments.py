"""Activities of a whole deployment: prepare, report the plan, finalize."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import msgspec
from temporalio import activity

from activities.failures import heartbeating
from deployments.acceptance import AcceptedDeployment
from deployments.deployment import (
    DeploymentRequest,
    DeploymentResult,
    Operation,
    PreparedHost,
    Status,
)
from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.results import EndContext, Reconciliation, conclude, fit_to_memo
from deployments.step import StepResult
from deployments.templates import TEMPLATES

__all__ = [
    "DeploymentActivities",
    "FinalizeDeploymentInput",
    "PrepareDeploymentInput",
    "ReportPlanInput",
]

# Attempts to read the outputs from the state, within about 4 s. Then the deployment ends without
# outputs, since missing outputs must not make the end inconclusive.
_OUTPUTS_ATTEMPTS = 3
# 10 million lines (a million take 5 s, measured); a part of the activity's timeout of 300 s. The
# worker sends the rest later, as after a refusal by the store.
_SEND_SECONDS = 60


@dataclass(frozen=True)
class PrepareDeploymentInput:
    """Input of `prepare_deployment`; `execution` is the first run id of the workflow."""

    deployment: str
    request: DeploymentRequest
    execution: str = ""
    owner: str = ""

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether deployment, request, execution and owner were accepted."""
        return (
            self.execution == accepted.execution
            and self.owner == accepted.input.owner
            and accepted.requests(self.deployment, self.request)
        )


@dataclass(frozen=True)
class ReportPlanInput:
    """Input of `report_plan`."""

    deployment: str

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether the deployment was accepted."""
        return self.deployment == accepted.id


@dataclass(frozen=True)
class FinalizeDeploymentInput:
    """Input of `finalize_deployment`: all facts that decide the end.

    `steps` are shortened where they are larger than a payload; the host has the complete results.
    """

    deployment: str
    owner: str
    request: DeploymentRequest
    steps: list[StepResult]
    context: EndContext

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether deployment, owner, request and steps are those of the accepted deployment."""
        return (
            self.owner == accepted.input.owner
            and accepted.requests(self.deployment, self.request)
            and all(accepted.has_step(step.key) for step in self.steps)
        )


class Admission(Protocol):
    """Makes the run directory of a deployment on this host."""

    async def prepare(
        self, deployment: str, request: DeploymentRequest, execution: str, owner: str
    ) -> PreparedHost: ...


class PlanReports(Protocol):
    """Enqueues the redacted plan of a deployment as artifacts."""

    async def report(self, deployment: str) -> None: ...


class RunDirectories(Protocol):
    """Reconcile with the state, record the result, and close; `record` returns the first record."""

    async def complete_results(
        self, deployment: str, steps: Sequence[StepResult]
    ) -> list[StepResult]: ...
    async def reconcile(self, deployment: str, steps: Sequence[StepResult]) -> Reconciliation: ...
    async def record(self, deployment: str, record_json: str) -> str: ...
    async def clear(self, deployment: str, *, completed: bool) -> None: ...


class Outbox(Protocol):
    """Enqueues and sends artifacts; raises Unavailable without the state or the store."""

    async def enqueue(self, deployment: str, record_json: str, outputs_json: str) -> None: ...
    async def enqueue_state_outputs(self, deployment: str) -> None: ...
    async def send(self, deployment: str) -> None: ...


class DeploymentActivities:
    """The activities that a workflow runs once for a deployment."""

    def __init__(
        self, admission: Admission, plans: PlanReports, directories: RunDirectories, outbox: Outbox
    ) -> None:
        self._admission = admission
        self._plans = plans
        self._directories = directories
        self._outbox = outbox

    @activity.defn
    async def prepare_deployment(self, input: PrepareDeploymentInput) -> PreparedHost:
        """Make the run directory on this host.

        Repeat: leaves an existing directory unchanged.
        Cancel: nothing to undo; `finalize_deployment` closes the directory.
        """
        async with heartbeating():
            return await self._admission.prepare(
                input.deployment, input.request, input.execution, input.owner
            )

    @activity.defn
    async def report_plan(self, input: ReportPlanInput) -> None:
        """Store the redacted plan as artifacts.

        Repeat: writes the same artifacts again.
        Cancel: has no effect; the activity takes seconds.
        """
        async with heartbeating():
            await self._plans.report(input.deployment)
            await self._send(input.deployment)

    @activity.defn
    async def finalize_deployment(self, input: FinalizeDeploymentInput) -> DeploymentResult:
        """Reconcile with the state, decide the result, write the record, clear the directory.

        Repeat: the first record stays, and the same result is returned.
        Cancel: never arrives; the workflow shields this activity.
        """
        async with heartbeating():
            deployment = input.deployment
            # The input is an excerpt where the results are larger than a payload.
            steps = await self._directories.complete_results(deployment, input.steps)
            input = replace(input, steps=steps)
            reconciliation = await self._directories.reconcile(deployment, steps)
            result = conclude(steps, input.context, reconciliation)
            record = await self._directories.record(deployment, _record(input, result))
            result = msgspec.convert(json.loads(record)["result"], DeploymentResult)
            await self._archive_artifacts(input, record, result)
            completed = result.status is Status.COMPLETED
            await self._directories.clear(deployment, completed=completed)
            return fit_to_memo(result)

    async def _archive_artifacts(
        self, input: FinalizeDeploymentInput, record: str, result: DeploymentResult
    ) -> None:
        if _has_camera_outputs(input):
            try:
                await self._outbox.enqueue_state_outputs(input.deployment)
            except Unavailable as error:
                if activity.info().attempt < _OUTPUTS_ATTEMPTS:
                    raise
                activity.logger.error("no outputs of %s: %s", input.deployment, error)
        await self._outbox.enqueue(input.deployment, record, _outputs(result))
        await self._send(input.deployment)

    async def _send(self, deployment: str) -> None:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._outbox.send(deployment)
        except (Unavailable, TimeoutError) as error:
            cause = str(error) or f"not finished after {_SEND_SECONDS} s"
            activity.logger.warning("artifacts of %s are sent later: %s", deployment, cause)


def _has_camera_outputs(input: FinalizeDeploymentInput) -> bool:
    """Whether the state may hold the cameras' configuration, however the apply ended."""
    request = input.request
    applied = any(step.phase is Phase.APPLY for step in input.steps)
    deployed = applied and request.operation is Operation.DEPLOY
    return deployed and TEMPLATES[request.stack.template].has_cameras


def _record(input: FinalizeDeploymentInput, result: DeploymentResult) -> str:
    """The content of `record.json`, which outlasts Temporal's retention."""
    variables: dict[str, object] = json.loads(input.request.variables_json)
    hidden = TEMPLATES[input.request.stack.template].sensitive
    visible = {name: value for name, value in variables.items() if name not in hidden}
    request = replace(input.request, variables_json=json.dumps(visible, sort_keys=True))
    return json.dumps(
        {
            "format": 1,
            "id": input.deployment,
            "owner": input.owner,
            "request": asdict(request),
            "result": asdict(result),
            "steps": [asdict(step) for step in input.steps],
        }
    )


def _outputs(result: DeploymentResult) -> str:
    """The content of `outputs.json` without sensitive values; empty for an incomplete deployment.

    The recorded result has all outputs, unlike the result in the memo.
    """
    if result.status is not Status.COMPLETED:
        return ""
    outputs = {
        output.name: {"sensitive": output.sensitive, "value": _value(output.value_json)}
        for output in result.outputs
    }
    return json.dumps({"format": 1, "outputs": outputs}, sort_keys=True)


def _value(value_json: str) -> object:
    """Decode an output; a number with a redacted part is returned as text."""
    try:
        return json.loads(value_json) if value_json else None
    except ValueError:
        return value_json
