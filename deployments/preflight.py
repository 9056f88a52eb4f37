"""What must hold in a project before terraform begins, and what does not: pure rules."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.deployment import DeploymentRequest
from deployments.findings import Finding, Severity
from deployments.reasons import Reason, audience_of, explain

__all__ = [
    "CONSTRAINTS",
    "CredentialSource",
    "Existing",
    "Preflight",
    "Project",
    "Requirements",
    "blocking",
    "disabled",
    "existing",
    "finding",
    "forbidden",
    "in_order",
    "is_ours",
    "unfit_region",
    "ungranted",
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
# Constraints of an organisation that can refuse this stack.
CONSTRAINTS = (_ACCOUNTS, _LOCATIONS, _POOLS, _SERVICES)

# The issuer of Firebase's tokens, which the stack's pool trusts.
_ISSUER = "https://securetoken.google.com/"


class CredentialSource(Protocol):
    """Where the access token of the person comes from in whose name Google is asked."""

    async def token(self) -> str:
        """A token that is valid for some minutes more.

        Raises:
            SignInExpired: there is none, and only the person can bring one.
        """
        ...


@dataclass(frozen=True)
class Project:
    """A project that somebody may see."""

    project_id: str
    name: str
    number: str


class Preflight(Protocol):
    """What Google says of a project before terraform begins."""

    async def check(self, request: DeploymentRequest) -> list[Finding]:
        """All that stands in the way, and what is worth knowing; the worst first.

        Raises:
            Unavailable: Google does not answer.
        """
        ...

    async def projects(self) -> list[Project]:
        """The active projects that the person may see.

        Raises:
            SignInExpired: the person must sign in again.
            Unavailable: Google does not answer.
        """
        ...


@dataclass(frozen=True)
class Requirements:
    """What a template needs of a project; kept beside its HCL."""

    permissions: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()


@dataclass(frozen=True)
class Existing:
    """Something that is in the project already; `location` is empty where it has none."""

    kind: str
    name: str
    location: str = ""


def finding(
    code: Reason,
    message: str = "",
    severity: Severity = Severity.BLOCKING,
    fix: str = "",
    resource: str = "",
) -> Finding:
    """A finding with the reason's own words where none are given."""
    explanation = explain(code)
    return Finding(
        code,
        message or explanation.message,
        severity,
        explanation.next_step,
        fix,
        audience_of(code),
        resource,
    )


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each once, the worst first."""
    order = list(Severity)
    return sorted(dict.fromkeys(findings), key=lambda one: order.index(one.severity))


def blocking(findings: Iterable[Finding]) -> Reason | None:
    """The name of the first one that stands in the way."""
    return next(
        (finding.cause for finding in findings if finding.severity is Severity.BLOCKING), None
    )


def ungranted(project: str, needed: Iterable[str], granted: Iterable[str]) -> Iterator[Finding]:
    """A finding for each permission that is needed and was not granted."""
    have = set(granted)
    for permission in needed:
        if permission not in have:
            yield finding(
                Reason.PERMISSION_DENIED,
                f"The permission {permission} is missing in {project}.",
                fix=f"https://console.cloud.google.com/iam-admin/iam?project={project}",
                resource=permission,
            )


def disabled(project: str, apis: Iterable[str], enabled: Iterable[str]) -> Iterator[Finding]:
    """A finding for each API that is off: the deployment switches them on by itself."""
    have = set(enabled)
    for api in apis:
        if api not in have:
            yield finding(
                Reason.API_DISABLED,
                f"{api} is off; the deployment switches it on.",
                Severity.NOTE,
                f"gcloud services enable {api} --project {project}",
                api,
            )


def unfit_region(request: DeploymentRequest) -> Iterator[Finding]:
    """Whether the gateway can be in the region."""
    if request.region not in _GATEWAY_REGIONS:
        yield finding(
            Reason.LOCATION_MISMATCH,
            f"API Gateway is not offered in {request.region}: the gateway stands in the nearest "
            f"region of {', '.join(_GATEWAY_REGIONS)}.",
            Severity.WARNING,
            resource=request.region,
        )


def existing(request: DeploymentRequest, found: Iterable[Existing]) -> Iterator[Finding]:
    """What is there under the prefix: adopted, unless it lies elsewhere than it was asked for."""
    wanted = {"bucket": request.storage_location}
    for item in found:
        place = wanted.get(item.kind, "")
        if place and item.location and item.location.lower() != place.lower():
            yield finding(
                Reason.LOCATION_MISMATCH,
                f"The {item.kind} {item.name} exists in {item.location}, not in {place}: it cannot "
                f"be moved.",
                fix=f"deploy with storage_location {item.location}",
                resource=item.name,
            )
        else:
            yield finding(
                Reason.ALREADY_EXISTS,
                f"The {item.kind} {item.name} exists and will be adopted.",
                Severity.NOTE,
                resource=item.name,
            )


def is_ours(request: DeploymentRequest, name: str) -> bool:
    """Whether a name is one that the stack would give."""
    stack = request.stack
    prefix, project = re.escape(stack.prefix), re.escape(stack.project_id)
    return re.fullmatch(rf"({project}-|devices-)?{prefix}(-.+)?", name) is not None


def forbidden(
    request: DeploymentRequest,
    constraint: str,
    rules: Sequence[Mapping[str, object]],
    apis: Sequence[str],
) -> Iterator[Finding]:
    """What an effective policy forbids of this stack.

    Args:
        request: what is to be deployed.
        constraint: one of `CONSTRAINTS`.
        rules: of the effective policy, as the Organization Policy API v2 gives them.
        apis: that the stack needs.
    """
    refused = ""
    if constraint == _ACCOUNTS:
        refused = "service accounts" if any(rule.get("enforce") for rule in rules) else ""
    elif constraint == _LOCATIONS:
        wanted = (request.region, request.storage_location)
        refused = ", ".join(item for item in wanted if not _location_allowed(rules, item))
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
    lists = [rule.get("values") for rule in rules]
    return [
        str(value) for item in lists if isinstance(item, Mapping) for value in item.get(name) or ()
    ]


def _allowed(rules: Sequence[Mapping[str, object]], value: str) -> bool:
    """By a list constraint: not denied, and among the allowed where there is such a list."""
    if any(rule.get("denyAll") for rule in rules) or value in _values(rules, "deniedValues"):
        return False
    allowed = _values(rules, "allowedValues")
    return not allowed or value in allowed or f"is:{value}" in allowed


def _location_allowed(rules: Sequence[Mapping[str, object]], location: str) -> bool:
    """Also by Google's groups: `in:eu-locations`, `in:us-central1-locations`.

    https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations
    """
    if any(rule.get("denyAll") for rule in rules):
        return False
    place = location.lower()
    allowed = _values(rules, "allowedValues")
    return not allowed or any(_holds(item.lower(), place) for item in allowed)


def _holds(allowed: str, place: str) -> bool:
    name = allowed.removeprefix("in:").removeprefix("is:").removesuffix("-locations")
    if name == place:
        return True
    # Europe's group is called eu, its regions europe-…
    region = {"eu": "europe", "europe": "europe"}.get(name, name)
    return allowed.startswith("in:") and place.startswith(f"{region}-")
