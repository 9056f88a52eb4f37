"""The resources of a project, listed by requests that only read."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.google.api import GoogleApi, RefusedByGoogle, disabled_consumer
from adapters.google.project_checks import _LISTINGS
from adapters.google.tokens import GoogleTokenProvider
from adapters.settings import GoogleSettings

__all__ = ["Inventory", "Resource", "inventory", "why_it_stays"]

API, KEY, ROLE = "API that is on", "API key", "role of a member"
# Kind, API, path of the list, key of the list in the response, beside those of preflight.
_FURTHER = (
    (API, "serviceusage", "v1/projects/{}/services", "services"),
    ("custom role", "iam", "v1/projects/{}/roles", "roles"),
    ("Firebase bucket", "firebasestorage", "v1beta/projects/{}/buckets", "buckets"),
    ("release of rules", "firebaserules", "v1/projects/{}/releases", "releases"),
    ("ruleset", "firebaserules", "v1/projects/{}/rulesets", "rulesets"),
    ("web app", "firebase", "v1beta1/projects/{}/webApps", "apps"),
)
_NOT_FOUND = 404
_REPOSITORIES = "v1/projects/{}/locations/{}/repositories"
# Accounts that Google makes: of an API for a project, and the default accounts of its products.
_GOOGLES_ACCOUNT = re.compile(
    r"(serviceAccount:)?((service-)?\d+(-compute)?@.*|firebase-adminsdk-\w+@.*"
    r"|.*@appspot\.gserviceaccount\.com)"
)
# https://firebase.google.com/docs/projects/api-keys
_KEY_OF_FIREBASE = "(auto created by Firebase)"


@dataclass(frozen=True, order=True)
class Resource:
    """A resource; `recoverable`: it is deleted, and Google can restore it for a while."""

    kind: str
    name: str
    recoverable: bool = False


@dataclass(frozen=True)
class Inventory:
    """The resources of a project, and the kinds that could not be listed."""

    resources: frozenset[Resource]
    unread: tuple[str, ...] = ()

    def without(self, earlier: Iterable[Resource]) -> list[Resource]:
        """The resources that were not there earlier."""
        return sorted(self.resources - frozenset(earlier))


def why_it_stays(resource: Resource) -> str:
    """Why a resource may stay after a destroy; empty where it must not."""
    kind, name = resource.kind, resource.name
    account = name.rpartition(" ")[2]
    reasons = (
        (resource.recoverable, "deleted; Google can restore it for 30 days"),
        (
            kind == API and name.endswith(".cloud.goog"),
            "the managed service of the deleted gateway; Google deletes it after 30 days",
        ),
        (kind == API, "a destroy leaves APIs on, since other parts of a project may use them"),
        (
            kind in {"bucket", "repository"} and name.startswith("gcf-"),
            "Google keeps sources and builds of functions there",
        ),
        (kind == KEY and name.endswith(_KEY_OF_FIREBASE), "Firebase made it for the web app"),
        (
            kind in {ROLE, "service account"} and bool(_GOOGLES_ACCOUNT.fullmatch(account)),
            "an account of Google's own",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")


async def inventory(google: GoogleSettings, project: str, region: str) -> Inventory:
    """List what there is.

    Raises:
        AnavaError: the sign-in is not accepted, or Google does not answer.
    """
    tokens = GoogleTokenProvider.open(google)
    connection = GoogleApi(tokens, google.endpoint)
    try:
        return await _listed(connection.of_project(project), project, region)
    finally:
        await connection.close()
        await tokens.close()


async def _listed(api: GoogleApi, project: str, region: str) -> Inventory:
    repositories = ("repository", "artifactregistry", _REPOSITORIES, "repositories")
    resources: set[Resource] = set()
    unread: list[str] = []
    for kind, service, path, key in (*_LISTINGS, *_FURTHER, repositories):
        try:
            place = path.format(project, region)
            resources |= {*await _of_kind(api, kind, project, service, place, key)}
        except RefusedByGoogle as refused:
            if not _has_none(refused):
                unread.append(kind)
    try:
        resources |= {*await _roles(api, project)}
    except RefusedByGoogle:
        unread.append(ROLE)
    return Inventory(frozenset(resources), tuple(unread))


def _has_none(refused: RefusedByGoogle) -> bool:
    """Whether a refusal means that there is no resource: the API is off, or has no such project."""
    return refused.error.http == _NOT_FOUND or bool(disabled_consumer(refused.error))


async def _of_kind(
    api: GoogleApi, kind: str, project: str, service: str, path: str, key: str
) -> Sequence[Resource]:
    query = {API: {"filter": "state:ENABLED"}, "bucket": {"project": project}}.get(kind, {})
    return [
        Resource(kind, _name(kind, item), _is_deleted(item))
        async for item in api.items(service, path, key, **query)
    ]


async def _roles(api: GoogleApi, project: str) -> Sequence[Resource]:
    policy = await api.post("cloudresourcemanager", f"v1/projects/{project}:getIamPolicy", {})
    return [
        Resource(ROLE, f"{binding.get('role')} {member}")
        for binding in policy.get("bindings") or ()
        for member in binding.get("members") or ()
    ]


def _name(kind: str, item: dict[str, Any]) -> str:
    if kind == KEY:
        return str(item.get("displayName") or item.get("name"))
    return str(item.get("email") or item.get("name")).rpartition("/")[2]


def _is_deleted(item: dict[str, Any]) -> bool:
    return item.get("state") == "DELETED" or item.get("deleted") is True or "deleteTime" in item
