"""Checks a project for obstacles through Google's APIs, before terraform starts."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from adapters.google.api import GoogleApi, RefusedByGoogle
from deployments.deployment import DeploymentRequest
from deployments.errors import SignInExpired, Unavailable
from deployments.findings import Finding, Severity, finding
from deployments.preflight import (
    CONSTRAINTS,
    ExistingResource,
    Project,
    Requirements,
    by_severity,
    disabled_apis,
    existing_resources,
    is_stack_name,
    missing_permissions,
    policy_violations,
    unsupported_region,
)
from deployments.reasons import Reason
from deployments.refusal_causes import match

__all__ = ["GooglePreflight", "read_requirements"]

_GET_PROJECT = "resourcemanager.projects.get"
_GET_SERVICE = "serviceusage.services.get"
# https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions: 100;
# https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet: 30.
_MAX_PERMISSIONS = 100
_UNAUTHORIZED = 401
_MAX_SERVICES = 30
# More concurrent calls would exceed Google's rate limits.
_MAX_CONCURRENT = 6

# Resources with a stack's prefix: kind, API, path of the list, key of the list in the response.
_LISTINGS = (
    ("service account", "iam", "v1/projects/{}/serviceAccounts", "accounts"),
    (
        "workload identity pool",
        "iam",
        "v1/projects/{}/locations/global/workloadIdentityPools",
        "workloadIdentityPools",
    ),
    ("secret", "secretmanager", "v1/projects/{}/secrets", "secrets"),
    ("API key", "apikeys", "v2/projects/{}/locations/global/keys", "keys"),
    ("function", "cloudfunctions", "v2/projects/{}/locations/-/functions", "functions"),
    ("API", "apigateway", "v1beta/projects/{}/locations/global/apis", "apis"),
    ("gateway", "apigateway", "v1beta/projects/{}/locations/-/gateways", "gateways"),
    ("database", "firestore", "v1/projects/{}/databases", "databases"),
    ("bucket", "storage", "storage/v1/b", "items"),
)

_Check = Callable[[DeploymentRequest], Awaitable[list[Finding]]]


def read_requirements(templates: Path, template: str) -> Requirements:
    """Return the requirements in a template's permissions.json; empty without that file."""
    try:
        content = json.loads((templates / template / "permissions.json").read_bytes())
    except FileNotFoundError:
        return Requirements()
    permissions = {name for group in content["permissions"].values() for name in group}
    return Requirements(tuple(sorted(permissions)), tuple(content["apis"]))


class GooglePreflight:
    """Runs the checks of a request; `api` must have the identity that terraform uses."""

    def __init__(self, api: GoogleApi, templates: Path) -> None:
        self._api = api
        self._templates = templates
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def check(self, request: DeploymentRequest) -> list[Finding]:
        """Return the findings in order of severity; a refused check is a finding too."""
        needed = read_requirements(self._templates, request.stack.template)
        try:
            granted = await self._granted(request.stack.project_id, needed)
        except RefusedByGoogle as refused:
            return [_project_finding(refused)]
        findings = list(missing_permissions(request.stack.project_id, needed.permissions, granted))
        checks: list[_Check] = [self._policies, self._existing]
        if _GET_PROJECT in granted:
            checks += [self._project, self._billing]
        if _GET_SERVICE in granted:
            checks.append(self._apis)
        for results in await asyncio.gather(*(self._run(check, request) for check in checks)):
            findings += results
        return by_severity([*findings, *unsupported_region(request)])

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

    async def _run(self, check: _Check, request: DeploymentRequest) -> list[Finding]:
        """Run a check; a refusal becomes a finding."""
        async with self._slots:
            try:
                return await check(request)
            except RefusedByGoogle as refused:
                return [_check_finding(refused)]

    async def _granted(self, project: str, needed: Requirements) -> set[str]:
        permissions = sorted({*needed.permissions, _GET_PROJECT, _GET_SERVICE})
        path = f"v3/projects/{quote(project, safe='')}:testIamPermissions"
        granted: set[str] = set()
        for start in range(0, len(permissions), _MAX_PERMISSIONS):
            batch = permissions[start : start + _MAX_PERMISSIONS]
            response = await self._api.post("cloudresourcemanager", path, {"permissions": batch})
            granted |= set(response.get("permissions") or ())
        return granted

    async def _project(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        resource = await self._api.get("cloudresourcemanager", f"v3/projects/{project}")
        if resource.get("state") == "ACTIVE":
            return []
        return [finding(Reason.PROJECT_INACTIVE, resource=project)]

    async def _billing(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        billing = await self._api.get("cloudbilling", f"v1/projects/{project}/billingInfo")
        if billing.get("billingEnabled"):
            return []
        link = f"https://console.cloud.google.com/billing/linkedaccount?project={project}"
        return [finding(Reason.BILLING_DISABLED, fix=link, resource=project)]

    async def _apis(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        needed = read_requirements(self._templates, request.stack.template).apis
        enabled: set[str] = set()
        for start in range(0, len(needed), _MAX_SERVICES):
            batch = needed[start : start + _MAX_SERVICES]
            response = await self._api.get(
                "serviceusage",
                f"v1/projects/{project}/services:batchGet",
                names=[f"projects/{project}/services/{api}" for api in batch],
            )
            enabled |= {
                str(service["name"]).rpartition("/")[2]
                for service in response.get("services") or ()
                if service.get("state") == "ENABLED"
            }
        return list(disabled_apis(project, needed, enabled))

    async def _policies(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        apis = read_requirements(self._templates, request.stack.template).apis
        findings: list[Finding] = []
        for constraint in CONSTRAINTS:
            path = f"v2/projects/{project}/policies/{constraint}:getEffectivePolicy"
            response = await self._api.get("orgpolicy", path)
            rules = (response.get("spec") or response).get("rules") or []
            findings += policy_violations(request, constraint, rules, apis)
        return findings

    async def _existing(self, request: DeploymentRequest) -> list[Finding]:
        items: list[ExistingResource] = []
        for kind, service, path, key in _LISTINGS:
            try:
                items += [item async for item in self._listed(request, kind, service, path, key)]
            except RefusedByGoogle:
                # A disabled API has no resources; the plan finds resources that may not be listed.
                continue
        return list(existing_resources(request, items))

    async def _listed(
        self, request: DeploymentRequest, kind: str, service: str, path: str, key: str
    ) -> AsyncIterator[ExistingResource]:
        project = request.stack.project_id
        query = {"project": project} if kind == "bucket" else {}
        async for item in self._api.items(service, path.format(project), key, **query):
            name = _name(kind, item)
            if is_stack_name(request, name):
                yield ExistingResource(kind, name, str(item.get("location", "")))


def _name(kind: str, item: dict[str, object]) -> str:
    name = str(item.get("email") if kind == "service account" else item.get("name"))
    return name.partition("@")[0] if "@" in name else name.rpartition("/")[2]


def _project_finding(refused: RefusedByGoogle) -> Finding:
    """The finding for a refusal of the first request."""
    error = refused.error
    known = match(error)
    if known and known.reason in (Reason.SIGN_IN_EXPIRED, Reason.API_DISABLED):
        return known.finding
    if error.http in (403, 404):
        return finding(Reason.PROJECT_NOT_FOUND)
    return finding(Reason.PREFLIGHT_FAILED, f"Google refused the permission check ({error.http}).")


def _check_finding(refused: RefusedByGoogle) -> Finding:
    known = match(refused.error)
    service = refused.error.values.get("service", "")
    # Terraform needs the Service Usage API to enable the other APIs.
    usage_disabled = (
        known and known.reason is Reason.API_DISABLED and service.startswith("serviceusage.")
    )
    if known and (usage_disabled or known.reason is Reason.SIGN_IN_EXPIRED):
        return known.finding
    return finding(Reason.NOT_CHECKED, severity=Severity.NOTE, resource=service)
