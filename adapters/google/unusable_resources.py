"""Deletes resources that Google could not complete, such as a function of a failed build."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle
from deployments.errors import Unavailable
from deployments.findings import Finding, Severity, finding
from deployments.imports import PlannedCreation, ResourceLookup
from deployments.reasons import Reason
from deployments.refusal_causes import fatal_finding

__all__ = [
    "DEPLOY_LATER",
    "UnusableResources",
    "blocked",
    "concurrent_change",
    "is_incomplete",
    "is_unusable",
]

_FUNCTION = "google_cloudfunctions2_function"
_GATEWAY = "google_api_gateway_gateway"
# Made from the template and without data: deleting them loses nothing.
_WITHOUT_DATA = frozenset(
    {"google_api_gateway_api", "google_api_gateway_api_config", _FUNCTION, _GATEWAY}
)
# https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#state and
# https://cloud.google.com/api-gateway/docs/reference/rest/v1/projects.locations.apis.configs#state
_FAILED, _DELETING = "FAILED", "DELETING"
_IN_PROGRESS = frozenset({"ACTIVATING", "CREATING", _DELETING, "DEPLOYING", "UPDATING"})
# Another operation on the resource is running, a deletion too (firebase/firebase-tools#10731), or
# a dependent resource is still being deleted (goblet/goblet#23).
_BUSY = frozenset({400, 409})
_NOT_FOUND = 404
_POLL_SECONDS = 0.5
DEPLOY_LATER = "Deploy again in a few minutes."
_DELETE_YOURSELF = "Delete the resource in the Google Cloud console, then deploy again."

_log = logging.getLogger("anava.google")
_Json = dict[str, Any]


def is_unusable(type: str, resource: _Json) -> bool:
    """Whether Google could not complete a resource of the stack, which has never had an address.

    Only such a resource may be deleted. A function whose update failed keeps its address and
    serves the earlier revision. The template gives each resource the label `app`.
    """
    labels = resource.get("labels")
    return (
        type in _WITHOUT_DATA
        and resource.get("state") == _FAILED
        and isinstance(labels, dict)
        and labels.get("app") == "anava"
        and not _address(type, resource)
        and (type != _FUNCTION or resource.get("environment") == "GEN_2")
    )


def is_incomplete(type: str, resource: _Json) -> bool:
    """Whether an import would count a resource as applied that does not serve the stack."""
    if type == _FUNCTION and resource.get("environment") == "GEN_1":
        return True
    if type in {_FUNCTION, _GATEWAY}:
        return not _address(type, resource)
    return type in _WITHOUT_DATA and resource.get("state") == _FAILED


def _address(type: str, resource: _Json) -> str:
    """Where a function or gateway is reached; empty for others and before the first success."""
    if type == _GATEWAY:
        return str(resource.get("defaultHostname") or "")
    config = resource.get("serviceConfig")
    uri = config.get("uri") if isinstance(config, dict) else None
    return str(uri or resource.get("url") or "") if type == _FUNCTION else ""


class UnusableResources:
    """Waits for operations in progress, and deletes what they left unusable.

    Each wait ends before `deadline`, a time of the event loop.
    """

    def __init__(self, api: GoogleApi, deadline: float) -> None:
        self._api = api
        self._deadline = deadline
        # By address: what to report when the end of the deletion is not seen.
        self._begun: dict[str, list[Finding]] = {}

    def in_progress(self, planned: PlannedCreation) -> list[Finding]:
        """The findings of a deletion that Google has begun and not ended; else none."""
        return self._begun.get(planned.address, [])

    async def settled(
        self, planned: PlannedCreation, lookup: ResourceLookup, resource: _Json
    ) -> _Json | None:
        """The resource after the operation in progress; None where that operation has not ended.

        Raises:
            RefusedByGoogle: the resource was deleted meanwhile, or cannot be read.
        """
        while planned.type in _WITHOUT_DATA and resource.get("state") in _IN_PROGRESS:
            if not await self._paused():
                return None
            resource = await self._api.get(lookup.service, lookup.path)
        return resource

    async def delete_untracked(
        self, planned: PlannedCreation, lookup: ResourceLookup
    ) -> list[Finding]:
        """Delete an unusable resource that no state has; returns what `delete_tracked` returns."""
        return await self._delete(
            planned,
            lookup,
            "Google could not complete this resource in an earlier deployment",
            lambda resource: is_unusable(planned.type, resource),
        )

    async def delete_tracked(
        self, planned: PlannedCreation, lookup: ResourceLookup
    ) -> list[Finding]:
        """Delete a resource of the state that the next apply cannot replace.

        Returns a note, a blocking finding where the resource stays, both where Google is still
        deleting, and nothing for a resource that did not exist any more.
        """
        if planned.type not in _WITHOUT_DATA:
            message = (
                "An earlier deployment left this resource incomplete, and its name is taken until "
                "the resource is deleted."
            )
            return [blocked(planned, message)]
        has_failed = planned.values.get("state") == _FAILED
        return await self._delete(
            planned,
            lookup,
            "An earlier deployment left this resource incomplete",
            lambda resource: not (has_failed and _address(planned.type, resource)),
        )

    async def _delete(
        self,
        planned: PlannedCreation,
        lookup: ResourceLookup,
        cause: str,
        may_delete: Callable[[_Json], bool],
    ) -> list[Finding]:
        """Delete a resource and wait until Google no longer has the resource.

        A repeated call continues a deletion that is running: Google refuses a second DELETE.
        """
        is_present, refusal = False, None
        while True:
            try:
                resource = await self._api.get(lookup.service, lookup.path)
                is_present = True
                if resource.get("state") == _DELETING:
                    self._begun.setdefault(planned.address, _deleting(planned, lookup, cause))
                elif not self.in_progress(planned):
                    if not may_delete(resource):
                        return [_changed(planned)]
                    await self._send(planned, lookup, cause)
            except RefusedByGoogle as refused:
                if refused.error.http == _NOT_FOUND:
                    self._begun.pop(planned.address, None)
                    return [_deleted(planned, lookup, cause)] if is_present else []
                refusal = None if refused.error.http in _BUSY else refused
            if refusal or not await self._paused():
                return self.in_progress(planned) or [_not_deleted(planned, refusal)]

    async def _send(self, planned: PlannedCreation, lookup: ResourceLookup, cause: str) -> None:
        """Send the DELETE and log the answer at once: a cancel can end the wait for its effect."""
        try:
            await self._api.delete(lookup.service, lookup.path)
        except (Unavailable, asyncio.CancelledError):
            _log.warning(
                "no answer to the deletion of %s (%s): %s", lookup.id, planned.address, cause
            )
            raise
        _log.info("deletes %s (%s): %s", lookup.id, planned.address, cause)
        self._begun[planned.address] = _deleting(planned, lookup, cause)

    async def _paused(self) -> bool:
        """Wait for one poll interval; False, at once, where the interval passes the deadline."""
        if asyncio.get_running_loop().time() + _POLL_SECONDS > self._deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
        return True


def _deleted(
    planned: PlannedCreation, lookup: ResourceLookup, cause: str, verb: str = "was"
) -> Finding:
    name = lookup.id.rpartition("/")[2]
    return finding(
        Reason.RESOURCE_DELETED,
        f"{cause}. {name} {verb} deleted; the next apply creates the resource again.",
        Severity.NOTE,
        resource=planned.address,
    )


def _deleting(planned: PlannedCreation, lookup: ResourceLookup, cause: str) -> list[Finding]:
    note = _deleted(planned, lookup, cause, "is being")
    return [note, concurrent_change(planned, "Google is still deleting this resource.")]


def _changed(planned: PlannedCreation) -> Finding:
    return concurrent_change(
        planned,
        "This resource failed at Google, and another program changed the resource meanwhile.",
    )


def _not_deleted(planned: PlannedCreation, refused: RefusedByGoogle | None = None) -> Finding:
    known = fatal_finding(refused.error, planned.address) if refused else None
    if known and known.cause is Reason.PERMISSION_DENIED:
        return known
    return blocked(planned, "An incomplete resource of this name could not be deleted.")


def blocked(planned: PlannedCreation, message: str, next_step: str = _DELETE_YOURSELF) -> Finding:
    """A finding about a resource whose name is in use."""
    return finding(Reason.ALREADY_EXISTS, message, resource=planned.address, next_step=next_step)


def concurrent_change(planned: PlannedCreation, message: str) -> Finding:
    """A finding about a resource that Google or another program is still changing."""
    return finding(
        Reason.CONCURRENT_CHANGE, message, resource=planned.address, next_step=DEPLOY_LATER
    )
