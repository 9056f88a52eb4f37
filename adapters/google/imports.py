"""Finds the resources in the project that a plan would create."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle, disabled_consumer
from adapters.google.project_checks import disabled_api
from adapters.google.unusable_resources import UnusableResources, blocked, is_unusable
from deployments.errors import Unavailable
from deployments.findings import Finding, finding
from deployments.imports import (
    Import,
    ImportSurvey,
    PlannedCreation,
    ResourceLookup,
    resource_lookup,
    ruleset_source,
)
from deployments.reasons import Reason
from deployments.refusal_causes import match

__all__ = ["GoogleImportFinder"]

# About fifteen lookups per stack; more concurrent calls would exceed Google's rate limits.
_MAX_CONCURRENT = 6
# An undelete takes seconds.
_UNDELETE_SECONDS = 60
_POLL_SECONDS = 0.5

# The type of a Firestore database that refuses Firestore's API.
_DATASTORE_MODE = "DATASTORE_MODE"
_POOL = "google_iam_workload_identity_pool"
_Json = dict[str, Any]
# Location of resources that cannot be moved: the argument in the plan, the field at Google.
_LOCATIONS = {
    "google_storage_bucket": ("location", "location"),
    "google_firestore_database": ("location_id", "locationId"),
}


class GoogleImportFinder:
    """Finds existing resources by name; restores soft-deleted resources."""

    def __init__(self, api: GoogleApi, unusable: UnusableResources | None = None) -> None:
        self._api = api
        self._unusable = unusable or UnusableResources(api)

    async def find_existing(
        self, project: str, creations: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """Return the imports, and findings for resources that block the apply."""
        finder = GoogleImportFinder(
            self._api.of_project(project), self._unusable.of_project(project)
        )
        return await finder._survey(project, creations)

    async def _survey(self, project: str, creations: Sequence[PlannedCreation]) -> ImportSurvey:
        slots = asyncio.Semaphore(_MAX_CONCURRENT)

        async def find(creation: PlannedCreation) -> ImportSurvey:
            async with slots:
                if creation.type == "google_firebase_web_app":
                    return await self._find_web_app(project, creation)
                return await self._find(project, creation)

        try:
            # Pools first: a provider is restored only after the pool that contains the provider.
            pools = [creation for creation in creations if creation.type == _POOL]
            surveys = [await find(pool) for pool in pools]
            others = [creation for creation in creations if creation.type != _POOL]
            surveys += await asyncio.gather(*(find(creation) for creation in others))
            surveys.append(await self._find_rulesets(project, creations))
        except RefusedByGoogle as refused:
            return ImportSurvey(findings=[_refusal_finding(project, refused)])
        return _merged(surveys)

    async def delete_unusable(
        self, project: str, unusable: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """Delete resources of the state that no apply makes usable; the next plan creates them."""
        resources = self._unusable.of_project(project)

        async def delete(planned: PlannedCreation) -> ImportSurvey:
            lookup = resource_lookup(planned, project)
            if lookup is None:
                return ImportSurvey()
            if problem := await resources.delete(planned, lookup):
                return ImportSurvey(findings=[problem])
            return ImportSurvey(deleted=[planned.address])

        return _merged(await asyncio.gather(*map(delete, unusable)))

    async def _find(self, project: str, creation: PlannedCreation) -> ImportSurvey:
        lookup = resource_lookup(creation, project)
        if lookup is None:
            return ImportSurvey()
        try:
            resource = await self._api.get(lookup.service, lookup.path)
            settled = await self._unusable.settled(creation, lookup, resource)
        except RefusedByGoogle as refused:
            return await self._survey_refusal(creation, refused)
        if settled is None:
            return ImportSurvey(findings=[_in_progress(creation)])
        if is_unusable(creation.type, settled):
            problem = await self._unusable.delete_untracked(creation, lookup, settled)
            return ImportSurvey(findings=[problem] if problem else [])
        return await self._importable(project, creation, lookup, settled)

    async def _importable(
        self, project: str, creation: PlannedCreation, lookup: ResourceLookup, resource: _Json
    ) -> ImportSurvey:
        if problem := await self._mismatch(project, creation, resource):
            return ImportSurvey(findings=[problem])
        if _is_deleted(resource):
            await self._undelete(lookup)
        return ImportSurvey([Import(creation.address, lookup.id)])

    async def _mismatch(
        self, project: str, creation: PlannedCreation, resource: _Json
    ) -> Finding | None:
        """Why the existing resource cannot be imported; None when possible."""
        if creation.type == "google_storage_bucket":
            owner = await self._api.get("cloudresourcemanager", f"v3/projects/{project}")
            if str(owner.get("name")) != f"projects/{resource.get('projectNumber')}":
                return _name_taken(creation)
        if resource.get("type") == _DATASTORE_MODE:
            return finding(Reason.DATASTORE_MODE, resource=creation.address)
        argument, field = _LOCATIONS.get(creation.type, ("", ""))
        planned, actual = creation.text(argument), str(resource.get(field, ""))
        if planned and actual and planned.lower() != actual.lower():
            return finding(
                Reason.LOCATION_MISMATCH,
                f"The resource exists in {actual}, not in {planned}, and cannot be moved.",
                resource=creation.address,
            )
        return None

    async def _find_web_app(self, project: str, creation: PlannedCreation) -> ImportSurvey:
        """Find a web app by display name, since Google generates the id."""
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
            return await self._survey_refusal(creation, refused)
        # Cameras use the oldest app; Google lists apps in the order of creation.
        return ImportSurvey(
            [
                Import(creation.address, f"projects/{project}/webApps/{app['appId']}")
                for app in apps[:1]
            ]
        )

    async def _find_rulesets(
        self, project: str, creations: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """Find released rulesets with equal content, since Google generates a ruleset's name."""
        planned = {
            ruleset_source(creation.values): creation.address
            for creation in creations
            if creation.type == "google_firebaserules_ruleset"
        }
        imports: dict[str, Import] = {}
        findings: list[Finding] = []
        for release in creations:
            if release.type != "google_firebaserules_release":
                continue
            lookup = resource_lookup(release, project)
            if lookup is None or not planned:
                continue
            try:
                name = str((await self._api.get(lookup.service, lookup.path)).get("rulesetName"))
                ruleset = await self._api.get("firebaserules", f"v1/{name}")
            except RefusedByGoogle as refused:
                if not await self._is_absent(refused):
                    raise
                continue
            source = ruleset_source(ruleset)
            if address := planned.get(source):
                imports[address] = Import(address, name)
            # Other releases have names of the stack; this database is the project's.
            elif release.text("name") == "cloud.firestore" and not _admits_nobody(source):
                findings.append(_foreign_rules(release))
        return ImportSurvey(list(imports.values()), findings)

    async def _survey_refusal(
        self, creation: PlannedCreation, refused: RefusedByGoogle
    ) -> ImportSurvey:
        """Map a refused lookup: absent, or a bucket of another project; re-raise other refusals."""
        if await self._is_absent(refused):
            return ImportSurvey()
        if disabled_consumer(refused.error):
            # Off in another project: whether the resource exists is unknown.
            raise refused
        if creation.type == "google_storage_bucket" and refused.error.http == 403:
            return ImportSurvey(findings=[_name_taken(creation)])
        raise refused

    async def _is_absent(self, refused: RefusedByGoogle) -> bool:
        """Whether the resource does not exist.

        An API that is off in the customer's project has no resources, or the apply fails with the
        cause; an API that is off in the service's own project proves nothing.
        """
        return refused.error.http == 404 or await self._api.is_disabled_in_project(refused)

    async def _undelete(self, lookup: ResourceLookup) -> None:
        """Restore a resource deleted within the last 30 days, whose name stays reserved."""
        await self._api.post(lookup.service, f"{lookup.path}:undelete", {})
        clock = asyncio.get_running_loop().time
        end = clock() + _UNDELETE_SECONDS
        while _is_deleted(await self._api.get(lookup.service, lookup.path)):
            if clock() > end:
                raise Unavailable(
                    f"{lookup.id} is still deleted {_UNDELETE_SECONDS} s after the undelete"
                )
            await asyncio.sleep(_POLL_SECONDS)


def _merged(surveys: Sequence[ImportSurvey]) -> ImportSurvey:
    return ImportSurvey(
        [item for survey in surveys for item in survey.imports],
        [problem for survey in surveys for problem in survey.findings],
        [address for survey in surveys for address in survey.deleted],
    )


def _is_deleted(resource: _Json) -> bool:
    # A custom role has a field `deleted`.
    return (
        resource.get("state") == "DELETED"
        or bool(resource.get("deleteTime"))
        or resource.get("deleted") is True
    )


def _admits_nobody(rules: str) -> bool:
    """Whether rules are Firebase's locked ones, which another app of the project cannot need."""
    statements = re.findall(r"\ballow\b[^;]*", re.sub(r"//[^\n]*|/\*.*?\*/", "", rules, flags=re.S))
    return all(re.fullmatch(r"allow[^:]*:\s*if\s+false\s*", text) for text in statements)


def _foreign_rules(release: PlannedCreation) -> Finding:
    return blocked(
        release,
        "The project's default database has security rules of another app, and the rules of the "
        "stack would replace them.",
        "Deploy with another database id.",
    )


def _in_progress(creation: PlannedCreation) -> Finding:
    problem = finding(
        Reason.CONCURRENT_CHANGE,
        "Google is still creating, changing or deleting this resource.",
        resource=creation.address,
    )
    return replace(problem, next_step="Deploy again in a few minutes.")


def _name_taken(creation: PlannedCreation) -> Finding:
    return finding(
        Reason.NAME_TAKEN,
        f"The bucket {creation.text('name')} belongs to another project: bucket names are unique "
        "across Google Cloud.",
        resource=creation.address,
    )


def _refusal_finding(project: str, refused: RefusedByGoogle) -> Finding:
    if disabled_consumer(refused.error):
        return disabled_api(project, refused, is_own=False)
    known = match(refused.error)
    return known.finding if known else finding(Reason.PREFLIGHT_FAILED)
