"""Finds the resources in the project that a plan would create."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle, disabled_consumer
from adapters.google.project_checks import disabled_api
from adapters.google.unusable_resources import (
    DEPLOY_LATER,
    UnusableResources,
    blocked,
    concurrent_change,
    is_incomplete,
    is_unusable,
)
from adapters.task_group import run_all
from deployments.errors import AnavaError, SignInExpired, Unavailable
from deployments.findings import Finding, finding
from deployments.google_causes import DELETED_ROLE
from deployments.imports import (
    Import,
    ImportSurvey,
    PlannedCreation,
    ResourceLookup,
    resource_lookup,
    ruleset_source,
)
from deployments.preflight import DATASTORE_MODE
from deployments.reasons import Reason
from deployments.refusal_causes import fatal_finding, match
from deployments.security_rules import are_of_template, deny_all

__all__ = ["GoogleImportFinder"]

# About fifteen lookups per stack; more concurrent calls would exceed Google's rate limits.
_MAX_CONCURRENT = 6
# For all resources together, with every wait for Google: a build takes one to two minutes, a
# deletion about one. The activity has 300 s, of which terraform may take 60 s to show the plan.
_SURVEY_SECONDS = 220
_POLL_SECONDS = 0.5

_POOL = "google_iam_workload_identity_pool"
_ROLE = "google_project_iam_custom_role"
# Google's text for a role deleted more than 7 days ago is not public; a missing permission is 403:
# https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles/delete
_NOT_RESTORABLE = frozenset({400, 404})
_Json = dict[str, Any]
_Search = Callable[[PlannedCreation], Awaitable[ImportSurvey]]
# Location of resources that cannot be moved: the argument in the plan, the field at Google.
_LOCATIONS = {
    "google_storage_bucket": ("location", "location"),
    "google_firestore_database": ("location_id", "locationId"),
}


class GoogleImportFinder:
    """Finds existing resources by name; restores soft-deleted resources.

    A survey ends after `survey_seconds`: each resource whose search has not ended by then has a
    blocking finding.
    """

    def __init__(self, api: GoogleApi, survey_seconds: float = _SURVEY_SECONDS) -> None:
        self._api = api
        self._survey_seconds = survey_seconds

    async def find_existing(
        self, project: str, creations: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """Return the imports, and findings for resources that block the apply."""
        return await self._survey(project).find_existing(creations)

    async def delete_unusable(
        self, project: str, unusable: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        """Delete resources of the state that no apply makes usable; the next plan creates them."""
        return await self._survey(project).delete_unusable(unusable)

    def _survey(self, project: str) -> "_Survey":
        deadline = asyncio.get_running_loop().time() + self._survey_seconds
        return _Survey(self._api.of_project(project), project, deadline)


class _Survey:
    """A search in one project, whose requests count against this project where possible.

    `deadline` is a time of the event loop.
    """

    def __init__(self, api: GoogleApi, project: str, deadline: float) -> None:
        self._api = api
        self._project = project
        self._deadline = deadline
        self._unusable = UnusableResources(api, deadline)
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)
        self._error: AnavaError | None = None

    async def find_existing(self, creations: Sequence[PlannedCreation]) -> ImportSurvey:
        # Pools first: a provider is restored only after the pool that contains the provider.
        pools = [creation for creation in creations if creation.type == _POOL]
        others = [creation for creation in creations if creation.type != _POOL]
        releases = [item for item in creations if item.type == "google_firebaserules_release"]
        planned = {
            ruleset_source(creation.values): creation.address
            for creation in creations
            if creation.type == "google_firebaserules_ruleset"
        }
        surveys = [await self._bounded(self._find, pool) for pool in pools]
        surveys += await run_all(self._bounded(self._search_of(item.type), item) for item in others)

        async def find_ruleset(release: PlannedCreation) -> ImportSurvey:
            return await self._find_ruleset(release, planned)

        if planned:
            surveys += await run_all(self._bounded(find_ruleset, item) for item in releases)
        return self._ended(surveys)

    async def delete_unusable(self, unusable: Sequence[PlannedCreation]) -> ImportSurvey:
        surveys = await run_all(self._bounded(self._delete, item) for item in unusable)
        return self._ended(surveys)

    def _ended(self, surveys: Sequence[ImportSurvey]) -> ImportSurvey:
        """One survey of all.

        Raises:
            SignInExpired, Unavailable: no answer about a resource, and no deletion to report. A
                repeated survey would not find a deletion again.
        """
        survey = _merged(surveys)
        is_reported = any(item.cause is Reason.RESOURCE_DELETED for item in survey.findings)
        if self._error and not is_reported:
            raise self._error
        return survey

    def _search_of(self, type: str) -> _Search:
        return self._find_web_app if type == "google_firebase_web_app" else self._find

    async def _bounded(self, search: _Search, item: PlannedCreation) -> ImportSurvey:
        """Search for one resource; a refusal and the deadline are findings about this resource.

        An error cancels no deletion or restoration of another resource, but none begins after it:
        each would wait for an unreachable Google again.
        """
        try:
            async with asyncio.timeout_at(self._deadline), self._slots:
                return await search(item) if self._error is None else ImportSurvey()
        except TimeoutError:
            problem = _not_ended(item)
        except (SignInExpired, Unavailable) as error:
            self._error = self._error or error
            is_sign_in = isinstance(error, SignInExpired)
            problem = finding(Reason.SIGN_IN_EXPIRED) if is_sign_in else _not_ended(item)
        except RefusedByGoogle as refused:
            return ImportSurvey(findings=[_refusal_finding(self._project, item, refused)])
        return ImportSurvey(findings=self._unusable.in_progress(item) or [problem])

    async def _delete(self, planned: PlannedCreation) -> ImportSurvey:
        lookup = resource_lookup(planned, self._project)
        if lookup is None:
            return ImportSurvey()
        findings = await self._unusable.delete_tracked(planned, lookup)
        is_deleted = all(item.cause is Reason.RESOURCE_DELETED for item in findings)
        return ImportSurvey([], findings, [planned.address] if is_deleted else [])

    async def _find(self, creation: PlannedCreation) -> ImportSurvey:
        lookup = resource_lookup(creation, self._project)
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
            return ImportSurvey(findings=await self._unusable.delete_untracked(creation, lookup))
        return await self._importable(creation, lookup, settled)

    async def _importable(
        self, creation: PlannedCreation, lookup: ResourceLookup, resource: _Json
    ) -> ImportSurvey:
        if problem := await self._mismatch(creation, resource):
            return ImportSurvey(findings=[problem])
        if _is_deleted(resource):
            try:
                await self._undelete(lookup)
            except RefusedByGoogle as refused:
                if _is_reserved_role(creation, refused):
                    return ImportSurvey(findings=[_reserved_role(creation)])
                raise
        return ImportSurvey([Import(creation.address, lookup.id)])

    async def _mismatch(self, creation: PlannedCreation, resource: _Json) -> Finding | None:
        """Why the existing resource cannot be imported; None when possible."""
        if is_incomplete(creation.type, resource):
            return blocked(creation, "The existing resource is incomplete and cannot be used.")
        if creation.type == "google_storage_bucket":
            owner = await self._api.get("cloudresourcemanager", f"v3/projects/{self._project}")
            if str(owner.get("name")) != f"projects/{resource.get('projectNumber')}":
                return _name_taken(creation)
        if resource.get("type") == DATASTORE_MODE:
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

    async def _find_web_app(self, creation: PlannedCreation) -> ImportSurvey:
        """Find a web app by display name, since Google generates the id."""
        try:
            apps = [
                app
                async for app in self._api.items(
                    "firebase", f"v1beta1/projects/{self._project}/webApps", "apps"
                )
                if app.get("displayName") == creation.text("display_name")
                and app.get("state", "ACTIVE") == "ACTIVE"
            ]
        except RefusedByGoogle as refused:
            return await self._survey_refusal(creation, refused)
        # Cameras use the oldest app; Google lists apps in the order of creation.
        return ImportSurvey(
            [
                Import(creation.address, f"projects/{self._project}/webApps/{app['appId']}")
                for app in apps[:1]
            ]
        )

    async def _find_ruleset(
        self, release: PlannedCreation, planned: dict[str, str]
    ) -> ImportSurvey:
        """Find the ruleset of a release by content, since Google generates a ruleset's name."""
        lookup = resource_lookup(release, self._project)
        if lookup is None:
            return ImportSurvey()
        try:
            name = str((await self._api.get(lookup.service, lookup.path)).get("rulesetName"))
            ruleset = await self._api.get("firebaserules", f"v1/{name}")
        except RefusedByGoogle as refused:
            if not await self._is_absent(refused):
                raise
            return ImportSurvey()
        source = ruleset_source(ruleset)
        if address := planned.get(source):
            return ImportSurvey([Import(address, name)])
        # Other releases have names of the stack; this database is the project's.
        is_shared = release.text("name") == "cloud.firestore"
        if is_shared and not deny_all(source) and not are_of_template(source):
            return ImportSurvey(findings=[_foreign_rules(release)])
        return ImportSurvey()

    async def _survey_refusal(
        self, creation: PlannedCreation, refused: RefusedByGoogle
    ) -> ImportSurvey:
        """Map a refused lookup: absent, or a bucket of another project; re-raise other refusals."""
        if await self._is_absent(refused):
            return ImportSurvey()
        if disabled_consumer(refused.error):
            # Disabled in another project: whether the resource exists is unknown.
            raise refused
        if creation.type == "google_storage_bucket" and refused.error.http == 403:
            return ImportSurvey(findings=[_name_taken(creation)])
        raise refused

    async def _is_absent(self, refused: RefusedByGoogle) -> bool:
        """Whether the resource does not exist.

        An API that is disabled in the customer's project has no resources, or the apply fails with
        the cause; an API that is disabled in the service's own project proves nothing.
        """
        return refused.error.http == 404 or await self._api.is_disabled_in_project(refused)

    async def _undelete(self, lookup: ResourceLookup) -> None:
        """Restore a resource deleted within the last 30 days, whose name stays reserved.

        An undelete takes seconds; the deadline of the survey ends the wait.
        """
        await self._api.post(lookup.service, f"{lookup.path}:undelete", {})
        while True:
            if not _is_deleted(await self._api.get(lookup.service, lookup.path)):
                return
            await asyncio.sleep(_POLL_SECONDS)


def _merged(surveys: Sequence[ImportSurvey]) -> ImportSurvey:
    """One survey of all; releases may have the same ruleset, and refusals the same finding."""
    return ImportSurvey(
        list({item.address: item for survey in surveys for item in survey.imports}.values()),
        list(dict.fromkeys(problem for survey in surveys for problem in survey.findings)),
        [address for survey in surveys for address in survey.deleted],
    )


def _is_deleted(resource: _Json) -> bool:
    # A custom role has a field `deleted`.
    return (
        resource.get("state") == "DELETED"
        or bool(resource.get("deleteTime"))
        or resource.get("deleted") is True
    )


def _foreign_rules(release: PlannedCreation) -> Finding:
    return blocked(
        release,
        "The project's default database has security rules of another app, and the rules of the "
        "stack would replace them.",
        "Deploy with another database id.",
    )


def _in_progress(creation: PlannedCreation) -> Finding:
    return concurrent_change(
        creation, "Google is still creating, changing or deleting this resource."
    )


def _is_reserved_role(creation: PlannedCreation, refused: RefusedByGoogle) -> bool:
    """Whether Google no longer restores a custom role, whose id it reserves."""
    is_refused = creation.type == _ROLE and refused.error.http in _NOT_RESTORABLE
    return is_refused and match(refused.error, creation.address) is None


def _reserved_role(creation: PlannedCreation) -> Finding:
    return blocked(creation, DELETED_ROLE.message, DELETED_ROLE.next_step)


def _name_taken(creation: PlannedCreation) -> Finding:
    return finding(
        Reason.NAME_TAKEN,
        f"The bucket {creation.text('name')} belongs to another project: bucket names are unique "
        "across Google Cloud.",
        resource=creation.address,
    )


def _not_ended(item: PlannedCreation) -> Finding:
    return finding(
        Reason.GOOGLE_UNAVAILABLE,
        "Google did not answer in time about this resource, so the deployment was not applied.",
        resource=item.address,
        next_step=DEPLOY_LATER,
    )


def _refusal_finding(project: str, item: PlannedCreation, refused: RefusedByGoogle) -> Finding:
    if disabled_consumer(refused.error):
        return disabled_api(project, refused, is_own=False)
    known = fatal_finding(refused.error, item.address)
    if known is None:
        return finding(Reason.PREFLIGHT_FAILED, resource=item.address)
    # The sign-in concerns no resource: a single finding for all.
    is_sign_in = known.cause in {Reason.SIGN_IN_EXPIRED, Reason.SIGN_IN_BLOCKED}
    return replace(known, resource="") if is_sign_in else known
