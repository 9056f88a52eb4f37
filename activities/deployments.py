"""Activities on a whole deployment: its run directory, its plan report, its end."""

import json
from dataclasses import asdict, dataclass, replace

import msgspec
from temporalio import activity

from activities.beating import beating
from activities.failures import translated
from deployments.deployment import DeploymentRequest, DeploymentResult
from deployments.ports import Host, PlanSummary, Prepared
from deployments.results import Context, conclude
from deployments.segment import SegmentResult
from deployments.templates import TEMPLATES

__all__ = ["Deployments", "FinalizeInput", "PlanReportInput", "PrepareInput"]


@dataclass(frozen=True)
class PrepareInput:
    """What `prepare_deployment` is told."""

    deployment: str
    request: DeploymentRequest


@dataclass(frozen=True)
class PlanReportInput:
    """What `report_plan` is told."""

    deployment: str


@dataclass(frozen=True)
class FinalizeInput:
    """What `finalize_deployment` is told: everything that decides the end."""

    deployment: str
    owner: str
    request: DeploymentRequest
    segments: list[SegmentResult]
    context: Context


class Deployments:
    """What is done once for each deployment."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn
    async def prepare_deployment(self, input: PrepareInput) -> Prepared:
        """Make the run directory on this host.

        Repeat: finds the directory made and changes nothing.
        Cancel: nothing to undo, the directory is closed by finalize.
        """
        with translated():
            async with beating():
                return await self._host.prepare(input.deployment, input.request)

    @activity.defn
    async def report_plan(self, input: PlanReportInput) -> PlanSummary:
        """Keep the plan and its redacted report as artifacts.

        Repeat: writes the same artifacts again.
        Cancel: nothing to do, it takes a moment.
        """
        with translated():
            async with beating():
                return await self._host.report_plan(input.deployment)

    @activity.defn
    async def finalize_deployment(self, input: FinalizeInput) -> DeploymentResult:
        """Find out what is true, name the end, keep the record.

        Repeat: the record that was written first stays; the same end is named.
        Cancel: it is shielded, so it never sees one.
        """
        with translated():
            async with beating():
                settled = await self._host.settle(input.deployment, input.segments)
                result = conclude(input.segments, input.context, settled)
                kept = await self._host.record(input.deployment, _record(input, result))
                return msgspec.convert(json.loads(kept)["result"], DeploymentResult)


def _record(input: FinalizeInput, result: DeploymentResult) -> str:
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
            "segments": [asdict(one) for one in input.segments],
        }
    )
