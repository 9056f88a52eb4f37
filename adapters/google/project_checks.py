"""The checks of a project at Google, each with the findings of a single subject."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle, disabled_consumer
from adapters.task_group import run_all
from deployments.deployment import DeploymentRequest
from deployments.errors import Audience, Unavailable
from deployments.findings import Finding, Severity, finding, with_severity
from deployments.organisation_policies import CONSTRAINTS, policy_violations
from deployments.permissions import Requirements
from deployments.preflight import (
    ExistingResource,
    disabled_apis,
    existing_resources,
    is_of_stack,
    limited_builds,
    retired_runtimes,
    used_up_accounts,
)
from deployments.reasons import Reason
from deployments.refusal_causes import match

__all__ = ["ProjectChecks", "disabled_api", "needs_other_sign_in"]

# https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet
_MAX_SERVICES = 30
# More concurrent calls would exceed Google's rate limits.
_MAX_CONCURRENT = 6
_NOT_FOUND = 404

# Resources of a stack: kind, API, path of the list, key of the list in the response.
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
# As in the installer of OpenShift: openshift/installer, pkg/asset/quota/gcp.
_ACCOUNT_QUOTA = "iam.googleapis.com/quota/service-account-count"
_UNLIMITED = -1
_Check = Callable[[], Awaitable[list[Finding]]]


class ProjectChecks:
    """The checks of one request; `api` counts its requests against the customer's project."""

    def __init__(self, api: GoogleApi, request: DeploymentRequest, needed: Requirements) -> None:
        self._api = api
        self._request = request
        self._project = request.stack.project_id
        self._needed = needed
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def run(self, *, may_get_project: bool, may_get_services: bool) -> list[Finding]:
        """Return the findings of all checks; a check that Google refused is a finding, too."""
        checks: list[_Check] = [
            self._policies,
            self._existing,
            self._runtimes,
            self._quotas,
        ]
        if may_get_project:
            checks += [self._state, self._billing]
        if may_get_services:
            checks.append(self._apis)
        results = await run_all(map(self._run, checks))
        return [item for findings in results for item in findings]

    async def _run(self, check: _Check) -> list[Finding]:
        """Run a check; a refusal becomes a finding."""
        async with self._slots:
            try:
                return await check()
            except RefusedByGoogle as refused:
                return [await self._refused(refused)]

    async def _refused(self, refused: RefusedByGoogle) -> Finding:
        if needs_other_sign_in(refused):
            return finding(Reason.SIGN_IN_EXPIRED)
        service = refused.error.values.get("service", "")
        if disabled_consumer(refused.error):
            is_own = await self._api.is_disabled_in_project(refused)
            problem = disabled_api(self._project, refused, is_own=is_own)
            # Terraform needs the Service Usage API to enable the other APIs.
            blocks = service.startswith("serviceusage.")
            return problem if blocks else with_severity(problem, Severity.NOTE)
        return finding(
            Reason.NOT_CHECKED,
            f"A part of the project {self._project} could not be checked.",
            Severity.NOTE,
            resource=service,
        )

    async def _state(self) -> list[Finding]:
        resource = await self._api.get("cloudresourcemanager", f"v3/projects/{self._project}")
        if resource.get("state") == "ACTIVE":
            return []
        message = f"The project {self._project} is marked for deletion."
        return [finding(Reason.PROJECT_INACTIVE, message, resource=self._project)]

    async def _billing(self) -> list[Finding]:
        billing = await self._api.get("cloudbilling", f"v1/projects/{self._project}/billingInfo")
        if billing.get("billingEnabled"):
            return []
        link = f"https://console.cloud.google.com/billing/linkedaccount?project={self._project}"
        message = f"The project {self._project} has no active billing account."
        return [finding(Reason.BILLING_DISABLED, message, fix=link, resource=self._project)]

    async def _apis(self) -> list[Finding]:
        enabled: set[str] = set()
        needed = self._needed.apis
        for start in range(0, len(needed), _MAX_SERVICES):
            batch = needed[start : start + _MAX_SERVICES]
            response = await self._api.get(
                "serviceusage",
                f"v1/projects/{self._project}/services:batchGet",
                names=[f"projects/{self._project}/services/{api}" for api in batch],
            )
            enabled |= {
                str(service["name"]).rpartition("/")[2]
                for service in response.get("services") or ()
                if service.get("state") == "ENABLED"
            }
        return list(disabled_apis(self._project, needed, enabled))

    async def _policies(self) -> list[Finding]:
        findings: list[Finding] = []
        unchecked: list[str] = []
        failure: RefusedByGoogle | Unavailable | None = None
        for position, constraint in enumerate(CONSTRAINTS):
            try:
                rules = await self._rules(constraint)
            except (RefusedByGoogle, Unavailable) as error:
                # A later outage does not hide a refusal, whose cause a person can remove.
                failure = failure or error
                if _holds_for_all(error):
                    unchecked += CONSTRAINTS[position:]
                    break
                unchecked.append(constraint)
                continue
            findings += policy_violations(self._request, constraint, rules, self._needed.apis)
        if failure is None:
            return findings
        return [*findings, await self._policies_not_checked(failure, unchecked, findings)]

    async def _policies_not_checked(
        self, failure: RefusedByGoogle | Unavailable, unchecked: list[str], findings: list[Finding]
    ) -> Finding:
        """The finding for policies that Google did not return.

        Raises:
            Unavailable: Google does not answer, and no violation would be lost by another attempt.
        """
        if isinstance(failure, Unavailable) and not findings:
            raise failure
        if isinstance(failure, RefusedByGoogle):
            problem = await self._refused(failure)
            if problem.cause is not Reason.NOT_CHECKED:
                return problem
        return finding(
            Reason.NOT_CHECKED,
            f"These policies of the organisation could not be checked: {', '.join(unchecked)}.",
            Severity.NOTE,
        )

    async def _rules(self, constraint: str) -> list[dict[str, object]]:
        """The rules of an effective policy; an unknown constraint has none."""
        path = f"v2/projects/{self._project}/policies/{constraint}:getEffectivePolicy"
        try:
            response = await self._api.get("orgpolicy", path)
        except RefusedByGoogle as refused:
            if refused.error.http == _NOT_FOUND:
                return []
            raise
        spec = response.get("spec") or response
        return [rule for rule in spec.get("rules") or () if isinstance(rule, dict)]

    async def _runtimes(self) -> list[Finding]:
        path = f"v2/projects/{self._project}/locations/{self._request.region}/runtimes"
        stages: dict[str, str] = {}
        try:
            # The stages of the first generation differ: the functions are of the second.
            async for runtime in self._api.items("cloudfunctions", path, "runtimes"):
                if runtime.get("environment") == "GEN_2":
                    stages[str(runtime.get("name"))] = str(runtime.get("stage"))
        except RefusedByGoogle:
            # In a new project the API is disabled; the build of a function names the cause.
            return []
        return list(retired_runtimes(self._request, self._needed.runtimes, stages))

    async def _quotas(self) -> list[Finding]:
        """https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics/list."""
        path = f"v1beta1/projects/{self._project}/services/iam.googleapis.com/consumerQuotaMetrics"
        accounts = f"v1/projects/{self._project}/serviceAccounts"
        try:
            metrics = [metric async for metric in self._api.items("serviceusage", path, "metrics")]
            names = [
                str(account.get("email")).partition("@")[0]
                async for account in self._api.items("iam", accounts, "accounts", pageSize="100")
            ]
        except RefusedByGoogle:
            # An apply names the quota, too; in a new project the API of the accounts is disabled.
            return []
        limit = _limit(metrics)
        needed = self._needed.service_accounts
        return list(used_up_accounts(self._request, needed, names, limit))

    async def _existing(self) -> list[Finding]:
        resources: list[ExistingResource] = []
        findings: list[Finding] = []
        for kind, service, path, key in _LISTINGS:
            try:
                resources += await self._listed(kind, service, path, key)
            except RefusedByGoogle as refused:
                findings += await self._not_listed(refused)
        existing = existing_resources(self._request, resources)
        return [*findings, *existing, *limited_builds(self._request, resources)]

    async def _not_listed(self, refused: RefusedByGoogle) -> Collection[Finding]:
        """A finding where the list of an API is unknown because of another project."""
        consumer = disabled_consumer(refused.error)
        # A disabled API has no resources; the plan finds resources that may not be listed.
        if not consumer or await self._api.is_disabled_in_project(refused):
            return ()
        return [with_severity(disabled_api(self._project, refused, is_own=False), Severity.NOTE)]

    async def _listed(self, kind: str, service: str, path: str, key: str) -> list[ExistingResource]:
        query = {"project": self._project} if kind == "bucket" else {}
        items = self._api.items(service, path.format(self._project), key, **query)
        resources: list[ExistingResource] = []
        async for item in items:
            name = _name(kind, item)
            if is_of_stack(self._request, kind, name):
                location = item.get("locationId") if kind == "database" else item.get("location")
                resources.append(
                    ExistingResource(kind, name, str(location or ""), str(item.get("type", "")))
                )
        return resources


def needs_other_sign_in(refused: RefusedByGoogle) -> bool:
    """Whether Google no longer accepts the sign-in."""
    known = match(refused.error)
    return known is not None and known.reason is Reason.SIGN_IN_EXPIRED


def disabled_api(project: str, refused: RefusedByGoogle, *, is_own: bool) -> Finding:
    """The finding for an API disabled in the customer's project, or in the service's own."""
    service = refused.error.values.get("service") or "An API"
    if is_own:
        return finding(
            Reason.API_DISABLED,
            f"{service} is disabled in {project}.",
            fix=f"gcloud services enable {service} --project {project}",
            resource=service,
        )
    consumer = disabled_consumer(refused.error)
    problem = finding(
        Reason.API_DISABLED,
        f"{service} is disabled in {consumer}, the project of the service's own sign-in, so "
        f"that {project} could not be checked completely.",
        fix=f"gcloud services enable {service} --project {consumer}",
        resource=service,
    )
    return replace(problem, audience=Audience.OPERATOR)


def _holds_for_all(error: RefusedByGoogle | Unavailable) -> bool:
    """Whether the API's other requests would fail, too, each after the attempts of an outage."""
    if isinstance(error, Unavailable):
        return True
    return needs_other_sign_in(error) or bool(disabled_consumer(error.error))


def _limit(metrics: Sequence[dict[str, Any]]) -> int:
    """The project's quota of service accounts; unlimited where Google does not name it."""
    limits = [
        int(bucket["effectiveLimit"])
        for metric in metrics
        if metric.get("metric") == _ACCOUNT_QUOTA
        for limit in metric.get("consumerQuotaLimits") or ()
        for bucket in limit.get("quotaBuckets") or ()
        if str(bucket.get("effectiveLimit", "")).isdecimal()
    ]
    return min(limits, default=_UNLIMITED)


def _name(kind: str, item: dict[str, object]) -> str:
    name = str(item.get("email") if kind == "service account" else item.get("name"))
    return name.partition("@")[0] if "@" in name else name.rpartition("/")[2]
