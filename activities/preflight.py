"""Activities that query Google before a change: obstacles, and resources that exist already."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from activities.failures import heartbeating
from deployments.acceptance import AcceptedDeployment
from deployments.deployment import DeploymentRequest
from deployments.findings import Finding, finding
from deployments.imports import (
    Import,
    ImportSurvey,
    PlannedCreation,
    planned_creations,
    replaced_addresses,
    unusable_resources,
)
from deployments.preflight import Preflight
from deployments.reasons import Reason

__all__ = ["CheckProjectInput", "FindExistingInput", "PreflightActivities"]


@dataclass(frozen=True)
class CheckProjectInput:
    """Input of `check_project`."""

    deployment: str
    request: DeploymentRequest

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether deployment and request were accepted."""
        return accepted.requests(self.deployment, self.request)


@dataclass(frozen=True)
class FindExistingInput:
    """Input of `find_existing`."""

    deployment: str
    project: str

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether deployment and project were accepted."""
        project = accepted.input.request.stack.project_id
        return (self.deployment, self.project) == (accepted.id, project)


class Plans(Protocol):
    """Plans on this host, as JSON with secrets in clear, and the imports of the next plans."""

    async def plan_json(self, deployment: str) -> bytes: ...
    async def add_imports(self, deployment: str, imports: Sequence[Import]) -> None: ...


class ImportFinder(Protocol):
    """Finds the planned resources that exist in a project; restores soft-deleted resources."""

    async def find_existing(
        self, project: str, planned_creations: Sequence[PlannedCreation]
    ) -> ImportSurvey: ...
    async def delete_unusable(
        self, project: str, unusable: Sequence[PlannedCreation]
    ) -> ImportSurvey: ...


class PreflightActivities:
    """Checks of a project; Google's APIs are called with the customer's credential."""

    def __init__(self, plans: Plans, preflight: Preflight, import_finder: ImportFinder) -> None:
        self._plans = plans
        self._preflight = preflight
        self._import_finder = import_finder

    @activity.defn
    async def check_project(self, input: CheckProjectInput) -> list[Finding]:
        """Check a project for obstacles to the deployment.

        Repeat: checks again.
        Cancel: ends the check; nothing was changed.
        """
        async with heartbeating():
            return await self._preflight.check(input.request)

    @activity.defn
    async def find_existing(self, input: FindExistingInput) -> ImportSurvey:
        """Find the resources that the plan on this host would create and that exist already.

        Resources that Google could not complete are deleted, so that the plan creates them.

        Repeat: searches again; a restored resource exists, a deleted one does not.
        Cancel: ends the search; restored resources stay, deleted resources are gone.
        """
        async with heartbeating():
            plan_json = await self._plans.plan_json(input.deployment)
            # A customer's plan may be large: decoded in threads, not in the event loop.
            if replaced := await asyncio.to_thread(replaced_addresses, plan_json):
                return ImportSurvey(findings=[_replaced(address) for address in replaced])
            if unusable := await asyncio.to_thread(unusable_resources, plan_json):
                survey = await self._import_finder.delete_unusable(input.project, unusable)
                if survey.deleted or survey.findings:
                    return survey
            creations = await asyncio.to_thread(planned_creations, plan_json)
            survey = await self._import_finder.find_existing(input.project, creations)
            # The order of the next plan comes from a workflow, whose task another program may take.
            await self._plans.add_imports(input.deployment, survey.imports)
            return survey


def _replaced(address: str) -> Finding:
    return finding(
        Reason.ALREADY_EXISTS,
        "The existing resource differs so much that terraform would destroy and replace it.",
        resource=address,
    )
