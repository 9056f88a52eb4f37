"""Rules for the effective policies of an organisation that can forbid a part of the stack.

`rules` have the format of the Organization Policy API v2. A policy whose effect depends on facts
that its rules do not contain is a warning, never an obstacle.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum

from deployments.deployment import DeploymentRequest
from deployments.findings import Finding, Severity, finding
from deployments.preflight import firestore_location
from deployments.reasons import Reason

__all__ = ["CONSTRAINTS", "policy_violations"]

_Rules = Sequence[Mapping[str, object]]


class _Answer(Enum):
    ALLOWED = "allowed"
    UNCERTAIN = "uncertain"
    FORBIDDEN = "forbidden"


_Verdicts = Iterable[tuple[str, _Answer]]
_Match = Callable[[str, str], bool | None]

# Issuer of Firebase tokens; the workload identity pool of the stack trusts them.
_ISSUER = "https://securetoken.google.com/"
# Services that `gcp.restrictServiceUsage` is documented to restrict; the effect on others of the
# stack is not: https://cloud.google.com/resource-manager/docs/organization-policy/restricting-resources
_RESTRICTED_SERVICES = frozenset(
    f"{name}.googleapis.com"
    for name in (
        "aiplatform",
        "artifactregistry",
        "cloudbuild",
        "cloudfunctions",
        "compute",
        "firestore",
        "run",
        "secretmanager",
        "storage",
    )
)
# Services in which the stack creates resources without a customer's key:
# https://cloud.google.com/kms/docs/cmek-org-policy
_KEY_SERVICES = tuple(
    f"{name}.googleapis.com"
    for name in (
        "artifactregistry",
        "cloudfunctions",
        "firestore",
        "run",
        "secretmanager",
        "storage",
    )
)
_CONTINENTS = frozenset(
    {"africa", "asia", "australia", "europe", "me", "northamerica", "southamerica", "us"}
)
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}")
# London and Zürich: https://cloud.google.com/about/locations
_NOT_IN_EU = frozenset({"europe-west2", "europe-west6"})


def policy_violations(
    request: DeploymentRequest, constraint: str, rules: _Rules, apis: Sequence[str]
) -> Iterator[Finding]:
    """A finding where an effective policy forbids a part of the stack: blocking where certain.

    Args:
        request: the deployment.
        constraint: a name of `CONSTRAINTS`.
        rules: the effective policy; entries of unknown types are ignored.
        apis: the APIs that the stack needs.
    """
    verdicts = [*_CHECKS[constraint](request, rules, apis)]
    forbidden = [subject for subject, answer in verdicts if answer is _Answer.FORBIDDEN]
    uncertain = [subject for subject, answer in verdicts if answer is _Answer.UNCERTAIN]
    for subjects, verb, severity in (
        (forbidden, "forbids", Severity.BLOCKING),
        (uncertain, "possibly forbids", Severity.WARNING),
    ):
        if subjects:
            yield finding(
                Reason.POLICY_FORBIDS,
                f"The organisation's policy constraints/{constraint} {verb}: "
                f"{', '.join(dict.fromkeys(subjects))}.",
                severity,
                "https://console.cloud.google.com/iam-admin/orgpolicies"
                f"?project={request.stack.project_id}",
                f"constraints/{constraint}",
            )


def _accounts(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    enforced = any(rule.get("enforce") is True for rule in rules)
    yield "service accounts", _Answer.FORBIDDEN if enforced else _Answer.ALLOWED


def _locations(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    # Secrets with automatic replication are in `global`:
    # firebase/firebase-tools#6454
    places = (request.region, request.storage_location, firestore_location(request), "global")
    for place in places:
        yield place, _answer(rules, place, _is_in_location)


def _issuers(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    issuer = _ISSUER + request.stack.project_id
    yield issuer, _answer(rules, issuer, _is_value)


def _services(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    for api in apis:
        answer = _answer(rules, api, _is_value)
        is_listed = any(_is_value(entry, api) for entry in _values(rules, "deniedValues"))
        if answer is _Answer.FORBIDDEN and not is_listed and api not in _RESTRICTED_SERVICES:
            answer = _Answer.UNCERTAIN
        yield api, answer


def _keys(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    for service in _KEY_SERVICES:
        yield f"{service} without a key of the customer", _answer(rules, service, _is_value)


def _run_ingress(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    # API Gateway calls the functions over the Internet.
    yield "functions that the gateway can call", _answer(rules, "all", _is_value)


def _function_ingress(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    answer = _answer(rules, "ALLOW_ALL", _is_value)
    # The documents do not name the generation of functions that the constraint restricts.
    uncertain = _Answer.UNCERTAIN if answer is not _Answer.ALLOWED else answer
    yield "functions that the gateway can call", uncertain


def _members(request: DeploymentRequest, rules: _Rules, apis: Sequence[str]) -> _Verdicts:
    """The pool's principals belong to no customer id; an organisation's principal set has them.

    https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains
    """
    if any(rule.get("denyAll") is True for rule in rules):
        yield "roles for the accounts of the stack", _Answer.FORBIDDEN
    allowed = _values(rules, "allowedValues")
    has_principals = any("principalSet://" in value for value in allowed)
    if (allowed and not has_principals) or _values(rules, "deniedValues"):
        yield "roles for the devices' identity pool", _Answer.UNCERTAIN


_CHECKS: Mapping[str, Callable[[DeploymentRequest, _Rules, Sequence[str]], _Verdicts]] = {
    "iam.disableServiceAccountCreation": _accounts,
    "gcp.resourceLocations": _locations,
    "iam.workloadIdentityPoolProviders": _issuers,
    "gcp.restrictServiceUsage": _services,
    "gcp.restrictNonCmekServices": _keys,
    "run.allowedIngress": _run_ingress,
    "cloudfunctions.allowedIngressSettings": _function_ingress,
    "iam.allowedPolicyMemberDomains": _members,
}
# Constraints that can forbid the stack.
CONSTRAINTS = tuple(_CHECKS)


def _values(rules: _Rules, name: str) -> list[str]:
    groups = [rule.get("values") for rule in rules]
    lists = [group.get(name) for group in groups if isinstance(group, Mapping)]
    return [str(value) for entries in lists if isinstance(entries, list) for value in entries]


def _answer(rules: _Rules, value: str, match: _Match) -> _Answer:
    """Whether a list constraint allows a value: not denied, and in the allowed list if present."""
    if any(rule.get("denyAll") is True for rule in rules):
        return _Answer.FORBIDDEN
    denied = [match(entry, value) for entry in _values(rules, "deniedValues")]
    if True in denied:
        return _Answer.FORBIDDEN
    allowed = [match(entry, value) for entry in _values(rules, "allowedValues")]
    if allowed and True not in allowed and None not in allowed:
        return _Answer.FORBIDDEN
    if None in denied or (allowed and True not in allowed):
        return _Answer.UNCERTAIN
    return _Answer.ALLOWED


def _is_value(entry: str, value: str) -> bool | None:
    """Whether an entry is the value; None for a group or a subtree, whose members are unknown."""
    if entry.startswith(("in:", "under:")):
        return None
    return entry.removeprefix("is:") == value


def _is_in_location(entry: str, place: str) -> bool | None:
    """As `_is_value`, with Google's value groups: `in:eu-locations`, `in:us-central1-locations`.

    https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations
    """
    entry, place = entry.lower(), place.lower()
    group = re.fullmatch("in:(.+)-locations", entry)
    if not group:
        return _is_value(entry, place)
    name = group[1]
    if place == name or place.startswith(f"{name}-"):
        return True
    if place == "global" or _REGION.fullmatch(name):
        return False
    return _is_in_group(name, place)


def _is_in_group(name: str, place: str) -> bool | None:
    """Whether a region or multi-region is in a group of another name; None where not known."""
    if not _REGION.fullmatch(place):
        return None if name not in _CONTINENTS or _may_contain(name, place) else False
    if name == "eu":
        return place.startswith("europe-") and place not in _NOT_IN_EU
    return False if name in _CONTINENTS else None


def _may_contain(continent: str, multi_region: str) -> bool:
    """Whether a multi-region such as nam5, eur3 or asia1 may belong to a continent's group."""
    continents = {"nam": "us", "us": "us", "eu": "europe", "asia": "asia"}
    starts = [start for start in continents if multi_region.startswith(start)]
    return not starts or continents[starts[0]] == continent or continent == "northamerica"
