"""Rules for the checks of a project before terraform runs, and the ports of these checks."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from deployments.deployment import DeploymentRequest
from deployments.findings import Finding, Severity, finding
from deployments.reasons import Reason

__all__ = [
    "CONSTRAINTS",
    "CredentialSource",
    "ExistingResource",
    "Preflight",
    "Project",
    "Requirements",
    "blocking",
    "by_severity",
    "disabled_apis",
    "existing_resources",
    "is_stack_name",
    "missing_permissions",
    "policy_violations",
    "unsupported_region",
]

# https://cloud.google.com/api-gateway/docs/deployment-model#choosing_a_gcp_region
_GATEWAY_REGIONS = (
    "asia-northeast1",
    "australia-southeast1",
    "europe-west1",
    "europe-west2",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-west2",
    "us-west3",
    "us-west4",
)

_ACCOUNTS = "iam.disableServiceAccountCreation"
_LOCATIONS = "gcp.resourceLocations"
_POOLS = "iam.workloadIdentityPoolProviders"
_SERVICES = "gcp.restrictServiceUsage"
# Constraints of an organisation policy that can forbid the stack.
CONSTRAINTS = (_ACCOUNTS, _LOCATIONS, _POOLS, _SERVICES)

# Issuer of Firebase tokens; the workload identity pool of the stack trusts them.
_ISSUER = "https://securetoken.google.com/"


class CredentialSource(Protocol):
    """Access tokens of the identity that calls Google."""

    async def token(self) -> str:
        """A token that stays valid for some minutes.

        Raises:
            SignInExpired: there is no token, and only a new sign-in gives one.
        """


@dataclass(frozen=True)
class Project:
    """A Google Cloud project."""

    project_id: str
    name: str
    number: str


class Preflight(Protocol):
    """The checks of a project at Google."""

    async def check(self, request: DeploymentRequest) -> list[Finding]:
        """All findings, the most severe first.

        Raises:
            Unavailable: Google does not answer.
        """

    async def projects(self) -> list[Project]:
        """The active projects that the identity can access.

        Raises:
            SignInExpired: a new sign-in is needed.
            Unavailable: Google does not answer.
        """


@dataclass(frozen=True)
class Requirements:
    """Permissions and APIs that a template needs; its `permissions.json` lists them."""

    permissions: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExistingResource:
    """A resource that exists in the project; `location` is empty for a global resource."""

    kind: str
    name: str
    location: str = ""


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without duplicates, the most severe first."""
    order = list(Severity)
    return sorted(dict.fromkeys(findings), key=lambda item: order.index(item.severity))


def blocking(findings: Iterable[Finding]) -> Reason | None:
    """The cause of the first blocking finding; None without such a finding."""
    return next(
        (finding.cause for finding in findings if finding.severity is Severity.BLOCKING), None
    )


def missing_permissions(
    project: str, needed: Iterable[str], granted: Set[str]
) -> Iterator[Finding]:
    """A blocking finding for each needed permission that is not granted."""
    for permission in needed:
        if permission not in granted:
            yield finding(
                Reason.PERMISSION_DENIED,
                f"The permission {permission} is missing in {project}.",
                fix=f"https://console.cloud.google.com/iam-admin/iam?project={project}",
                resource=permission,
            )


def disabled_apis(project: str, apis: Iterable[str], enabled: Set[str]) -> Iterator[Finding]:
    """A note for each disabled API: the deployment switches the API on by itself."""
    for api in apis:
        if api not in enabled:
            yield finding(
                Reason.API_DISABLED,
                f"{api} is off; the deployment switches it on.",
                Severity.NOTE,
                f"gcloud services enable {api} --project {project}",
                api,
            )


def unsupported_region(request: DeploymentRequest) -> Iterator[Finding]:
    """A warning where API Gateway is not offered in the region."""
    if request.region not in _GATEWAY_REGIONS:
        yield finding(
            Reason.LOCATION_MISMATCH,
            f"API Gateway is not offered in {request.region}: the gateway is created in the "
            f"nearest region of {', '.join(_GATEWAY_REGIONS)}.",
            Severity.WARNING,
            resource=request.region,
        )


def existing_resources(
    request: DeploymentRequest, resources: Iterable[ExistingResource]
) -> Iterator[Finding]:
    """A note for each existing resource that is imported; blocking in another location."""
    locations = {"bucket": request.storage_location}
    for resource in resources:
        wanted = locations.get(resource.kind, "")
        if wanted and resource.location and resource.location.lower() != wanted.lower():
            yield finding(
                Reason.LOCATION_MISMATCH,
                f"The {resource.kind} {resource.name} cannot be moved from {resource.location} to "
                f"{wanted}.",
                fix=f"anava deploy --storage-location {resource.location}",
                resource=resource.name,
            )
        else:
            yield finding(
                Reason.ALREADY_EXISTS,
                f"The {resource.kind} {resource.name} exists and will be imported.",
                Severity.NOTE,
                resource=resource.name,
            )


def is_stack_name(request: DeploymentRequest, name: str) -> bool:
    """Whether the stack could have created a resource of this name."""
    stack = request.stack
    prefix, project = re.escape(stack.prefix), re.escape(stack.project_id)
    return re.fullmatch(rf"({project}-|devices-)?{prefix}(-.+)?", name) is not None


def policy_violations(
    request: DeploymentRequest,
    constraint: str,
    rules: Sequence[Mapping[str, object]],
    apis: Sequence[str],
) -> Iterator[Finding]:
    """A blocking finding where an effective organisation policy forbids a part of the stack.

    `rules` have the format of the Organization Policy API v2; `apis` are those of the stack.
    """
    refused = ""
    if constraint == _ACCOUNTS:
        refused = "service accounts" if any(rule.get("enforce") for rule in rules) else ""
    elif constraint == _LOCATIONS:
        locations = (request.region, request.storage_location)
        refused = ", ".join(place for place in locations if not _location_allowed(rules, place))
    elif constraint == _POOLS:
        issuer = _ISSUER + request.stack.project_id
        refused = issuer if not _allowed(rules, issuer) else ""
    elif constraint == _SERVICES:
        refused = ", ".join(api for api in apis if not _allowed(rules, api))
    if refused:
        yield finding(
            Reason.POLICY_FORBIDS,
            f"The organisation's policy constraints/{constraint} forbids: {refused}.",
            fix="https://console.cloud.google.com/iam-admin/orgpolicies"
            f"?project={request.stack.project_id}",
            resource=f"constraints/{constraint}",
        )


def _values(rules: Sequence[Mapping[str, object]], name: str) -> list[str]:
    groups = [rule.get("values") for rule in rules]
    return [
        str(value)
        for group in groups
        if isinstance(group, Mapping)
        for value in group.get(name) or ()
    ]


def _allowed(rules: Sequence[Mapping[str, object]], value: str) -> bool:
    """Whether a list constraint allows a value: not denied, and in the allowed list if present."""
    if any(rule.get("denyAll") for rule in rules) or value in _values(rules, "deniedValues"):
        return False
    allowed = _values(rules, "allowedValues")
    return not allowed or value in allowed or f"is:{value}" in allowed


def _location_allowed(rules: Sequence[Mapping[str, object]], location: str) -> bool:
    """As `_allowed`, with Google's value groups: `in:eu-locations`, `in:us-central1-locations`.

    https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations
    """
    if any(rule.get("denyAll") for rule in rules):
        return False
    allowed = _values(rules, "allowedValues")
    return not allowed or any(_contains(group.lower(), location.lower()) for group in allowed)


def _contains(group: str, location: str) -> bool:
    name = group.removeprefix("in:").removeprefix("is:").removesuffix("-locations")
    if name == location:
        return True
    # The group of Europe is named `eu`, the regions `europe-…`.
    region = "europe" if name == "eu" else name
    return group.startswith("in:") and location.startswith(f"{region}-")
