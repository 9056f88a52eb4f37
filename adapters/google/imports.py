"""Looks in the project for what a plan would create."""

import asyncio
from collections.abc import Sequence
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle
from deployments.errors import Unavailable
from deployments.findings import Finding
from deployments.imports import (
    Import,
    ImportSurvey,
    PlannedCreation,
    ResourceLookup,
    resource_lookup,
    ruleset_source,
)
from deployments.preflight import finding
from deployments.reasons import Reason
from deployments.refusal_causes import match

__all__ = ["GoogleImportFinder"]

# Some fifteen names a stack; more of one person's calls at once would meet Google's rate limits.
_AT_ONCE = 6
# An undelete is an operation of seconds.
_UNDELETE_SECONDS = 60
_LOOK_AGAIN_SECONDS = 0.5

_Json = dict[str, Any]
# What cannot be moved: the argument in the plan, the field at Google.
_PLACES = {
    "google_storage_bucket": ("location", "location"),
    "google_firestore_database": ("location_id", "locationId"),
}


class GoogleImportFinder:
    """Port `Adoption`."""

    def __init__(self, api: GoogleApi) -> None:
        self._api = api

    async def find_existing(
        self, project: str, creations: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """Port `Adoption`."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(creation: PlannedCreation) -> ImportSurvey:
            async with turns:
                return await self._look(project, creation)

        try:
            # A provider lies below its pool, and what is soft-deleted comes back from above.
            pools = [item for item in creations if item.type == "google_iam_workload_identity_pool"]
            found = [await one(pool) for pool in pools]
            others = [entry for entry in creations if entry not in pools]
            found += await asyncio.gather(*(one(creation) for creation in others))
            found.append(await self._rulesets(project, creations))
        except RefusedByGoogle as refused:
            return ImportSurvey(findings=[_as_finding(refused)])
        return ImportSurvey(
            [element for find_existing in found for element in find_existing.imports],
            [finding for find_existing in found for finding in find_existing.findings],
        )

    async def _look(self, project: str, creation: PlannedCreation) -> ImportSurvey:
        if creation.type == "google_firebase_web_app":
            return await self._web_app(project, creation)
        where = resource_lookup(creation, project)
        if where is None:
            return ImportSurvey()
        try:
            found = await self._api.get(where.service, where.path)
        except RefusedByGoogle as refused:
            return _absent(creation, refused)
        if problem := await self._misfit(project, creation, found):
            return ImportSurvey(findings=[problem])
        if _is_deleted(found):
            await self._undelete(where)
        return ImportSurvey([Import(creation.address, where.id)])

    async def _misfit(
        self, project: str, creation: PlannedCreation, found: _Json
    ) -> Finding | None:
        """Why something that exists cannot be adopted."""
        if creation.type == "google_storage_bucket":
            owner = await self._api.get("cloudresourcemanager", f"v3/projects/{project}")
            if str(owner.get("name")) != f"projects/{found.get('projectNumber')}":
                return _taken(creation)
        planned, actual = _PLACES.get(creation.type, ("", ""))
        place, lies = creation.text(planned), str(found.get(actual, ""))
        if place and lies and place.lower() != lies.lower():
            return finding(
                Reason.LOCATION_MISMATCH,
                f"It exists in {lies}, not in {place}, and cannot be moved.",
                resource=creation.address,
            )
        return None

    async def _web_app(self, project: str, creation: PlannedCreation) -> ImportSurvey:
        """By its display name: Google gives every new one an id of its own."""
        try:
            apps = [
                app
                async for app in self._api.items(
                    "firebase", f"v1beta1/projects/{project}/webApps", "apps"
                )
                if app.get("displayName") == creation.text("display_name")
                and app.get("state", "ACTIVE") == "ACTIVE"
            ]
        except RefusedByGoogle as refused:
            return _absent(creation, refused)
        # Of several the oldest is the one that cameras know; Google lists them as they were made.
        return ImportSurvey(
            [
                Import(creation.address, f"projects/{project}/webApps/{item['appId']}")
                for item in apps[:1]
            ]
        )

    async def _rulesets(self, project: str, creations: Sequence[PlannedCreation]) -> ImportSurvey:
        """A ruleset has no name of ours: it is found by what is in force and says the same."""
        wanted = {
            ruleset_source(creation.values): creation.address
            for creation in creations
            if creation.type == "google_firebaserules_ruleset"
        }
        imports: dict[str, Import] = {}
        for release in (item for item in creations if item.type == "google_firebaserules_release"):
            where = resource_lookup(release, project)
            if where is None or not wanted:
                continue
            try:
                name = str((await self._api.get(where.service, where.path)).get("rulesetName"))
                ruleset = await self._api.get("firebaserules", f"v1/{name}")
            except RefusedByGoogle:
                continue
            if address := wanted.get(ruleset_source(ruleset)):
                imports[address] = Import(address, name)
        return ImportSurvey(list(imports.values()))

    async def _undelete(self, where: ResourceLookup) -> None:
        """Bring back what was deleted in the last 30 days: its name is given to nobody else."""
        await self._api.post(where.service, f"{where.path}:undelete", {})
        clock = asyncio.get_running_loop().time
        end = clock() + _UNDELETE_SECONDS
        while _is_deleted(await self._api.get(where.service, where.path)):
            if clock() > end:
                raise Unavailable(f"{where.id} does not come back")
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _is_deleted(found: _Json) -> bool:
    return found.get("state") == "DELETED" or bool(found.get("deleteTime"))


def _absent(creation: PlannedCreation, refused: RefusedByGoogle) -> ImportSurvey:
    """No, it is not there; what else a refusal says goes on."""
    known = match(refused.error)
    if refused.error.http == 404 or (known and known.reason is Reason.API_DISABLED):
        # Where an API is off there is nothing of it, or terraform will tell.
        return ImportSurvey()
    if creation.type == "google_storage_bucket" and refused.error.http == 403:
        return ImportSurvey(findings=[_taken(creation)])
    raise refused


def _taken(creation: PlannedCreation) -> Finding:
    return finding(
        Reason.NAME_TAKEN,
        f"The bucket {creation.text('name')} belongs to somebody else: names are unique in all of "
        "Google.",
        resource=creation.address,
    )


def _as_finding(refused: RefusedByGoogle) -> Finding:
    known = match(refused.error)
    return known.finding if known else finding(Reason.PREFLIGHT_FAILED)
