"""Asks Google what stands in a deployment's way, before terraform begins."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from adapters.google.api import GoogleApi, RefusedByGoogle
from deployments.deployment import DeploymentRequest
from deployments.errors import SignInExpired, Unavailable
from deployments.findings import Finding, Severity
from deployments.preflight import (
    CONSTRAINTS,
    ExistingResource,
    Project,
    Requirements,
    by_severity,
    disabled_apis,
    existing_resources,
    finding,
    is_stack_name,
    missing_permissions,
    policy_violations,
    unsupported_region,
)
from deployments.reasons import Reason
from deployments.refusal_causes import match

__all__ = ["GooglePreflight", "read_requirements"]

_SEE_PROJECT = "resourcemanager.projects.get"
_SEE_SERVICES = "serviceusage.services.get"
# https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions: 100;
# https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet: 30.
_MOST_PERMISSIONS = 100
_UNAUTHORIZED = 401
_MOST_SERVICES = 30
# Ten lists side by side; more of one person's calls would meet Google's rate limits.
_AT_ONCE = 6

# What a stack leaves under its prefix: what it is, where it is listed, and under which key.
_LISTS = (
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
    """What a template needs; nothing where it says nothing."""
    try:
        content = json.loads((templates / template / "permissions.json").read_bytes())
    except FileNotFoundError:
        return Requirements()
    needed = {item for group in content["permissions"].values() for item in group}
    return Requirements(tuple(sorted(needed)), tuple(content["apis"]))


class GooglePreflight:
    """Port `Preflight`.

    Args:
        api: asks in the person's name.
        templates: the folder of the templates.
    """

    def __init__(self, api: GoogleApi, templates: Path) -> None:
        self._api = api
        self._templates = templates
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def check(self, request: DeploymentRequest) -> list[Finding]:
        """Port `Preflight`; so is the method below."""
        needed = read_requirements(self._templates, request.stack.template)
        try:
            granted = await self._granted(request.stack.project_id, needed)
        except RefusedByGoogle as refused:
            return [_of_project(refused)]
        findings = list(missing_permissions(request.stack.project_id, needed.permissions, granted))
        checks: list[_Check] = [self._policies, self._existing]
        if _SEE_PROJECT in granted:
            checks += [self._project, self._billing]
        if _SEE_SERVICES in granted:
            checks.append(self._apis)
        for found in await asyncio.gather(*(self._safely(check, request) for check in checks)):
            findings += found
        return by_severity([*findings, *unsupported_region(request)])

    async def projects(self) -> list[Project]:
        found = self._api.items(
            "cloudresourcemanager", "v3/projects:search", "projects", query="state:ACTIVE"
        )
        try:
            return [
                Project(
                    str(item["projectId"]),
                    str(item.get("displayName", "")),
                    str(item.get("name", "")).removeprefix("projects/"),
                )
                async for item in found
            ]
        except RefusedByGoogle as refused:
            if refused.error.http == _UNAUTHORIZED:
                raise SignInExpired("Google does not accept the sign-in any more.") from None
            raise Unavailable(f"Google does not list projects: {refused}") from None

    async def _safely(self, check: _Check, request: DeploymentRequest) -> list[Finding]:
        """A check that is refused is a finding, too."""
        async with self._turns:
            try:
                return await check(request)
            except RefusedByGoogle as refused:
                return [_of_check(refused)]

    async def _granted(self, project: str, needed: Requirements) -> set[str]:
        asked = sorted({*needed.permissions, _SEE_PROJECT, _SEE_SERVICES})
        path = f"v3/projects/{quote(project, safe='')}:testIamPermissions"
        granted: set[str] = set()
        for start in range(0, len(asked), _MOST_PERMISSIONS):
            some = asked[start : start + _MOST_PERMISSIONS]
            answer = await self._api.post("cloudresourcemanager", path, {"permissions": some})
            granted |= set(answer.get("permissions") or ())
        return granted

    async def _project(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        found = await self._api.get("cloudresourcemanager", f"v3/projects/{project}")
        if found.get("state") == "ACTIVE":
            return []
        return [finding(Reason.PROJECT_INACTIVE, resource=project)]

    async def _billing(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        found = await self._api.get("cloudbilling", f"v1/projects/{project}/billingInfo")
        if found.get("billingEnabled"):
            return []
        link = f"https://console.cloud.google.com/billing/linkedaccount?project={project}"
        return [finding(Reason.BILLING_DISABLED, fix=link, resource=project)]

    async def _apis(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        needed = read_requirements(self._templates, request.stack.template).apis
        enabled: set[str] = set()
        for start in range(0, len(needed), _MOST_SERVICES):
            some = needed[start : start + _MOST_SERVICES]
            answer = await self._api.get(
                "serviceusage",
                f"v1/projects/{project}/services:batchGet",
                names=[f"projects/{project}/services/{api}" for api in some],
            )
            enabled |= {
                str(service["name"]).rpartition("/")[2]
                for service in answer.get("services") or ()
                if service.get("state") == "ENABLED"
            }
        return list(disabled_apis(project, needed, enabled))

    async def _policies(self, request: DeploymentRequest) -> list[Finding]:
        project = request.stack.project_id
        apis = read_requirements(self._templates, request.stack.template).apis
        found: list[Finding] = []
        for constraint in CONSTRAINTS:
            path = f"v2/projects/{project}/policies/{constraint}:getEffectivePolicy"
            answer = await self._api.get("orgpolicy", path)
            rules = (answer.get("spec") or answer).get("rules") or []
            found += policy_violations(request, constraint, rules, apis)
        return found

    async def _existing(self, request: DeploymentRequest) -> list[Finding]:
        found: list[ExistingResource] = []
        for kind, service, path, key in _LISTS:
            try:
                found += [item async for item in self._listed(request, kind, service, path, key)]
            except RefusedByGoogle:
                # An API that is off holds nothing; what may not be listed is found by the plan.
                continue
        return list(existing_resources(request, found))

    async def _listed(
        self, request: DeploymentRequest, kind: str, service: str, path: str, key: str
    ) -> AsyncIterator[ExistingResource]:
        project = request.stack.project_id
        query = {"project": project} if kind == "bucket" else {}
        async for item in self._api.items(service, path.format(project), key, **query):
            name = _name(kind, item)
            if is_stack_name(request, name):
                yield ExistingResource(kind, name, str(item.get("location", "")))


def _name(kind: str, one: dict[str, object]) -> str:
    name = str(one.get("email") if kind == "service account" else one.get("name"))
    return name.partition("@")[0] if "@" in name else name.rpartition("/")[2]


def _of_project(refused: RefusedByGoogle) -> Finding:
    """What a refusal of the first question says."""
    error = refused.error
    known = match(error)
    if known and known.reason in (Reason.SIGN_IN_EXPIRED, Reason.API_DISABLED):
        return known.finding
    if error.http in (403, 404):
        return finding(Reason.PROJECT_NOT_FOUND)
    return finding(Reason.PREFLIGHT_FAILED, f"Google refuses the question ({error.http}).")


def _of_check(refused: RefusedByGoogle) -> Finding:
    known = match(refused.error)
    service = refused.error.values.get("service", "")
    # Without this one no other can be switched on.
    off = known and known.reason is Reason.API_DISABLED and service.startswith("serviceusage.")
    if known and (off or known.reason is Reason.SIGN_IN_EXPIRED):
        return known.finding
    return finding(Reason.NOT_CHECKED, severity=Severity.NOTE, resource=service)
