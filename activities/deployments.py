"""Activities on a whole deployment: its run directory, its plan report, its end."""

import asyncio
import json
from dataclasses import asdict, dataclass, replace

import msgspec
from temporalio import activity

from activities.failures import translated
from activities.heartbeat import auto_heartbeat
from deployments.deployment import DeploymentRequest, DeploymentResult, Operation, Status
from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.ports import Host, PlanSummary, PreparedHost
from deployments.results import EndContext, conclude
from deployments.step import StepResult
from deployments.templates import TEMPLATES

__all__ = [
    "DeploymentActivities",
    "FinalizeDeploymentInput",
    "PrepareDeploymentInput",
    "ReportPlanInput",
]


# The state is asked again by the activity's next attempts, some 4 s in all. A deployment must not
# end as unsure because of its outputs, so then it ends without.
_OUTPUTS_ATTEMPTS = 3
# 10 million lines (a million take 5 s, measured); below the activity's limit of 150 s. What is not
# sent by then goes up after the end, as what the store refused does.
_SENDING_SECONDS = 60


@dataclass(frozen=True)
class PrepareDeploymentInput:
    """What `prepare_deployment` is told."""

    deployment: str
    request: DeploymentRequest


@dataclass(frozen=True)
class ReportPlanInput:
    """What `report_plan` is told."""

    deployment: str


@dataclass(frozen=True)
class FinalizeDeploymentInput:
    """What `finalize_deployment` is told: everything that decides the end."""

    deployment: str
    owner: str
    request: DeploymentRequest
    steps: list[StepResult]
    context: EndContext


class DeploymentActivities:
    """What is done once for each deployment."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn
    async def prepare_deployment(self, input: PrepareDeploymentInput) -> PreparedHost:
        """Make the run directory on this host.

        Repeat: finds the directory made and changes nothing.
        Cancel: nothing to undo, the directory is closed by finalize.
        """
        with translated():
            async with auto_heartbeat():
                return await self._host.prepare(input.deployment, input.request)

    @activity.defn
    async def report_plan(self, input: ReportPlanInput) -> PlanSummary:
        """Keep the plan, and its redacted report as artifacts.

        Repeat: writes the same artifacts again.
        Cancel: nothing to do, it takes a moment.
        """
        with translated():
            async with auto_heartbeat():
                summary = await self._host.report_plan(input.deployment)
                await self._send(input.deployment)
                return summary

    @activity.defn
    async def finalize_deployment(self, input: FinalizeDeploymentInput) -> DeploymentResult:
        """Find out what is true, name the end, keep the record.

        Repeat: the record that was written first stays; the same end is named.
        Cancel: it is shielded, so it never sees one.
        """
        with translated():
            async with auto_heartbeat():
                reconciliation = await self._host.settle(input.deployment, input.steps)
                result = conclude(input.steps, input.context, reconciliation)
                kept = await self._host.record(input.deployment, _record(input, result))
                result = msgspec.convert(json.loads(kept)["result"], DeploymentResult)
                await self._archive(input, kept, result)
                await self._host.clear(input.deployment)
                return result

    async def _archive(
        self, input: FinalizeDeploymentInput, kept: str, result: DeploymentResult
    ) -> None:
        if _gives_outputs(input):
            try:
                await self._host.keep_outputs(input.deployment)
            except Unavailable as error:
                if activity.info().attempt < _OUTPUTS_ATTEMPTS:
                    raise
                activity.logger.error("no outputs of %s: %s", input.deployment, error)
        self._host.archive(input.deployment, kept, _outputs(input, result))
        await self._send(input.deployment)

    async def _send(self, deployment: str) -> None:
        try:
            async with asyncio.timeout(_SENDING_SECONDS):
                await self._host.send(deployment)
        except (Unavailable, TimeoutError) as error:
            words = str(error) or "it takes long"
            activity.logger.warning("artifacts of %s go up later: %s", deployment, words)


def _gives_outputs(input: FinalizeDeploymentInput) -> bool:
    """Whether cameras may want what the state now gives, however the apply ended."""
    request = input.request
    applied = any(step.phase is Phase.APPLY for step in input.steps)
    deployed = applied and request.operation is Operation.DEPLOY
    return deployed and TEMPLATES[request.stack.template].has_cameras


def _record(input: FinalizeDeploymentInput, result: DeploymentResult) -> str:
    """`record.json`: what is left when Temporal's retention has ended."""
    variables: dict[str, object] = json.loads(input.request.variables_json)
    hidden = TEMPLATES[input.request.stack.template].sensitive
    shown = {name: value for name, value in variables.items() if name not in hidden}
    request = replace(input.request, variables_json=json.dumps(shown, sort_keys=True))
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


def _outputs(input: FinalizeDeploymentInput, result: DeploymentResult) -> str:
    """`outputs.json` without sensitive values; nothing when the deployment did not complete.

    From the step: the result holds only as many outputs as fit into a memo.
    """
    if result.status is not Status.COMPLETED or not input.steps:
        return ""
    outputs = {
        output.name: {"sensitive": output.sensitive, "value": _value(output.value_json)}
        for output in input.steps[-1].outputs
    }
    return json.dumps({"format": 1, "outputs": outputs}, sort_keys=True)


def _value(value_json: str) -> object:
    """A value; a number that a redactor took a piece out of is text."""
    try:
        return json.loads(value_json) if value_json else None
    except ValueError:
        return value_json
