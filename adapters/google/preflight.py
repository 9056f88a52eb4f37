"""Checks a project for obstacles through Google's APIs, before terraform starts."""

import json
from pathlib import Path

from adapters.google.api import GoogleApi, RefusedByGoogle, disabled_consumer
from adapters.google.project_checks import ProjectChecks, disabled_api, needs_other_sign_in
from adapters.google.tested_permissions import GET_PROJECT, GET_SERVICE, check_permissions
from deployments.deployment import DeploymentRequest
from deployments.errors import SignInExpired, Unavailable
from deployments.findings import Finding, finding
from deployments.permissions import Requirements, missing_permissions
from deployments.preflight import Project, by_severity, unsupported_region
from deployments.reasons import Reason
from deployments.refusal_causes import fatal_finding

__all__ = ["GooglePreflight", "read_requirements"]

_UNAUTHORIZED = 401


def read_requirements(templates: Path, template: str) -> Requirements:
    """Return the requirements in a template's permissions.json; empty without that file."""
    try:
        content = json.loads((templates / template / "permissions.json").read_bytes())
    except FileNotFoundError:
        return Requirements()
    needed = _names(content["permissions"])
    return Requirements(
        permissions=tuple(sorted(needed)),
        apis=tuple(content["apis"]),
        later_permissions=tuple(sorted(_names(content.get("later_permissions", {})) - needed)),
        runtimes=tuple(content.get("runtimes", ())),
        service_accounts=int(content.get("service_accounts", 0)),
    )


def _names(groups: dict[str, list[str]]) -> set[str]:
    return {name for group in groups.values() for name in group}


class GooglePreflight:
    """Runs the checks of a request; `api` must have the identity that terraform uses."""

    def __init__(self, api: GoogleApi, templates: Path) -> None:
        self._api = api
        self._templates = templates

    async def check(self, request: DeploymentRequest) -> list[Finding]:
        """Return the findings in order of severity; a refused check is a finding too."""
        project = request.stack.project_id
        needed = read_requirements(self._templates, request.stack.template)
        api = self._api.of_project(project)
        try:
            tested = await check_permissions(api, project, needed)
        except RefusedByGoogle as refused:
            return [await _project_finding(api, project, refused)]
        findings = await ProjectChecks(api, request, needed).run(
            may_get_project=GET_PROJECT in tested.granted,
            may_get_services=GET_SERVICE in tested.granted,
        )
        missing = missing_permissions(project, needed, tested)
        return by_severity([*missing, *findings, *unsupported_region(request)])

    async def projects(self) -> list[Project]:
        """Return the active projects that the identity can access."""
        items = self._api.items(
            "cloudresourcemanager", "v3/projects:search", "projects", query="state:ACTIVE"
        )
        try:
            return [
                Project(
                    str(item["projectId"]),
                    str(item.get("displayName", "")),
                    str(item.get("name", "")).removeprefix("projects/"),
                )
                async for item in items
            ]
        except RefusedByGoogle as refused:
            if refused.error.http == _UNAUTHORIZED:
                raise SignInExpired("Google no longer accepts the sign-in.") from None
            raise Unavailable(f"Google refused to list projects: {refused}") from None


async def _project_finding(api: GoogleApi, project: str, refused: RefusedByGoogle) -> Finding:
    """The finding for a refusal of the first request."""
    if needs_other_sign_in(refused):
        return finding(Reason.SIGN_IN_EXPIRED)
    if disabled_consumer(refused.error):
        is_own = await api.is_disabled_in_project(refused)
        return disabled_api(project, refused, is_own=is_own)
    known = fatal_finding(refused.error)
    if known and known.cause is not Reason.PERMISSION_DENIED:
        return known
    if refused.error.http in (403, 404):
        return finding(
            Reason.PROJECT_NOT_FOUND,
            f"The project {project} does not exist, or your account has no access to it.",
            resource=project,
        )
    return finding(
        Reason.PREFLIGHT_FAILED,
        f"Google refused the permission check of {project} ({refused.error.http}).",
    )
