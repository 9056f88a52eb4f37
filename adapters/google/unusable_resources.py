"""Deletes resources that Google could not complete, such as a function of a failed build."""

import asyncio
from dataclasses import replace
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle
from deployments.findings import Finding, finding
from deployments.imports import PlannedCreation, ResourceLookup
from deployments.reasons import Reason
from deployments.refusal_causes import match

__all__ = ["UnusableResources", "blocked", "is_unusable"]

# Made from the template and without data: deleting them loses nothing.
_WITHOUT_DATA = frozenset(
    {
        "google_api_gateway_api",
        "google_api_gateway_api_config",
        "google_api_gateway_gateway",
        "google_cloudfunctions2_function",
    }
)
# https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#state and
# https://cloud.google.com/api-gateway/docs/reference/rest/v1/projects.locations.apis.configs#state
_IN_PROGRESS = frozenset({"ACTIVATING", "CREATING", "DELETING", "DEPLOYING", "UPDATING"})
# The attempt of an activity has 300 s for both waits: a build takes one to two minutes, a deletion
# about one.
_SETTLE_SECONDS = 110
_DELETE_SECONDS = 150
_POLL_SECONDS = 0.5
_DELETE_YOURSELF = "Delete the resource in the Google Cloud console, then deploy again."
_Json = dict[str, Any]


def is_unusable(type: str, resource: _Json) -> bool:
    """Whether Google gave up on a resource, or completed a function or gateway without address."""
    if type not in _WITHOUT_DATA:
        return False
    if resource.get("state") == "FAILED":
        return True
    if type == "google_cloudfunctions2_function":
        return not (resource.get("serviceConfig") or {}).get("uri")
    return type == "google_api_gateway_gateway" and not resource.get("defaultHostname")


class UnusableResources:
    """Waits for operations in progress, and deletes what they left unusable."""

    def __init__(
        self,
        api: GoogleApi,
        settle_seconds: float = _SETTLE_SECONDS,
        delete_seconds: float = _DELETE_SECONDS,
    ) -> None:
        self._api = api
        self._settle_seconds = settle_seconds
        self._delete_seconds = delete_seconds

    def of_project(self, project: str) -> "UnusableResources":
        """The same, whose requests count against a customer's project where possible."""
        api = self._api.of_project(project)
        return UnusableResources(api, self._settle_seconds, self._delete_seconds)

    async def settled(
        self, planned: PlannedCreation, lookup: ResourceLookup, resource: _Json
    ) -> _Json | None:
        """The resource after the operation in progress; None while that operation goes on.

        Raises:
            RefusedByGoogle: the resource was deleted meanwhile, or cannot be read.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + self._settle_seconds
        while planned.type in _WITHOUT_DATA and resource.get("state") in _IN_PROGRESS:
            if clock() > end:
                return None
            await asyncio.sleep(_POLL_SECONDS)
            resource = await self._api.get(lookup.service, lookup.path)
        return resource

    async def delete_untracked(
        self, planned: PlannedCreation, lookup: ResourceLookup, resource: _Json
    ) -> Finding | None:
        """Delete an unusable resource of an earlier deployment; a finding where it stays."""
        labels = resource.get("labels")
        # The template's default label: a resource without it is the customer's own.
        if not isinstance(labels, dict) or labels.get("app") != "anava":
            return blocked(planned, "The existing resource failed at Google and cannot be used.")
        return await self.delete(planned, lookup)

    async def delete(self, planned: PlannedCreation, lookup: ResourceLookup) -> Finding | None:
        """Delete a resource and wait until it is gone; a finding where it stays."""
        if planned.type not in _WITHOUT_DATA:
            return blocked(
                planned,
                "An earlier deployment left this resource incomplete, and its name is taken until "
                "the resource is deleted.",
            )
        try:
            await self._api.delete(lookup.service, lookup.path)
            clock = asyncio.get_running_loop().time
            end = clock() + self._delete_seconds
            while clock() < end:
                await self._api.get(lookup.service, lookup.path)
                await asyncio.sleep(_POLL_SECONDS)
        except RefusedByGoogle as refused:
            if refused.error.http == 404:
                return None
            known = match(refused.error)
            if known and known.reason is Reason.PERMISSION_DENIED:
                return replace(known.finding, resource=planned.address)
        return blocked(planned, "An incomplete resource of this name could not be deleted.")


def blocked(planned: PlannedCreation, message: str, next_step: str = _DELETE_YOURSELF) -> Finding:
    """A finding about a resource whose name is in use."""
    problem = finding(Reason.ALREADY_EXISTS, message, resource=planned.address)
    return replace(problem, next_step=next_step)
