"""Activities that ask Google before anything is made: what stands in the way, what exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from activities.beating import beating
from activities.failures import translated
from deployments.adoption import Creation, Survey, creations, replaced
from deployments.deployment import DeploymentRequest
from deployments.findings import Finding
from deployments.ports import Host
from deployments.preflight import Preflight, finding
from deployments.reasons import Reason

__all__ = ["CheckInput", "Checks", "SurveyInput"]


@dataclass(frozen=True)
class CheckInput:
    """What `check_project` is told."""

    deployment: str
    request: DeploymentRequest


@dataclass(frozen=True)
class SurveyInput:
    """What `survey_existing` is told."""

    deployment: str
    project: str


class Adoption(Protocol):
    """Who can see what exists in a project."""

    async def survey(self, project: str, creations: Sequence[Creation]) -> Survey:
        """What of this exists; what was deleted and can come back is brought back.

        Raises:
            Unavailable: Google does not answer.
        """
        ...


class Checks:
    """Asks in the customer's name."""

    def __init__(self, host: Host, preflight: Preflight, adoption: Adoption) -> None:
        self._host = host
        self._preflight = preflight
        self._adoption = adoption

    @activity.defn
    async def check_project(self, input: CheckInput) -> list[Finding]:
        """Find what stands in the way of a deployment.

        Repeat: looks again.
        Cancel: stops looking; nothing was changed.
        """
        with translated():
            async with beating():
                return await self._preflight.check(input.request)

    @activity.defn
    async def survey_existing(self, input: SurveyInput) -> Survey:
        """Find what the plan of this host would create and the project holds already.

        Repeat: looks again; what came back from deletion is there.
        Cancel: stops looking; what came back stays.
        """
        with translated():
            async with beating():
                plan_json = await self._host.planned(input.deployment)
                if lost := replaced(plan_json):
                    return Survey(findings=[_would_be_lost(address) for address in lost])
                return await self._adoption.survey(input.project, creations(plan_json))


def _would_be_lost(address: str) -> Finding:
    return finding(
        Reason.ALREADY_EXISTS,
        "It exists and differs so much that terraform would destroy it to adopt it.",
        resource=address,
    )
