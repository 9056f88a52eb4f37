"""Activities that ask Google before anything is made: what stands in the way, what exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from activities.failures import translated
from activities.heartbeat import auto_heartbeat
from deployments.deployment import DeploymentRequest
from deployments.findings import Finding
from deployments.imports import ImportSurvey, PlannedCreation, planned_creations, replaced_addresses
from deployments.ports import Host
from deployments.preflight import Preflight, finding
from deployments.reasons import Reason

__all__ = ["CheckProjectInput", "FindExistingInput", "PreflightActivities"]


@dataclass(frozen=True)
class CheckProjectInput:
    """What `check_project` is told."""

    deployment: str
    request: DeploymentRequest


@dataclass(frozen=True)
class FindExistingInput:
    """What `survey_existing` is told."""

    deployment: str
    project: str


class ImportFinder(Protocol):
    """Who can see what exists in a project."""

    async def find_existing(
        self, project: str, planned_creations: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """What of this exists; what was deleted and can come back is brought back.

        Raises:
            Unavailable: Google does not answer.
        """
        ...


class PreflightActivities:
    """Asks in the customer's name."""

    def __init__(self, host: Host, preflight: Preflight, adoption: ImportFinder) -> None:
        self._host = host
        self._preflight = preflight
        self._adoption = adoption

    @activity.defn
    async def check_project(self, input: CheckProjectInput) -> list[Finding]:
        """Find what stands in the way of a deployment.

        Repeat: looks again.
        Cancel: stops looking; nothing was changed.
        """
        with translated():
            async with auto_heartbeat():
                return await self._preflight.check(input.request)

    @activity.defn
    async def find_existing(self, input: FindExistingInput) -> ImportSurvey:
        """Find what the plan of this host would create and the project holds already.

        Repeat: looks again; what came back from deletion is there.
        Cancel: stops looking; what came back stays.
        """
        with translated():
            async with auto_heartbeat():
                plan_json = await self._host.plan_json(input.deployment)
                if lost := replaced_addresses(plan_json):
                    return ImportSurvey(findings=[_would_be_lost(address) for address in lost])
                return await self._adoption.find_existing(
                    input.project, planned_creations(plan_json)
                )


def _would_be_lost(address: str) -> Finding:
    return finding(
        Reason.ALREADY_EXISTS,
        "It exists and differs so much that terraform would destroy it to adopt it.",
        resource=address,
    )
