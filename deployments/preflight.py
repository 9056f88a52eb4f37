"""Rules for the checks of a project before terraform runs, and the ports of these checks."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Protocol

from deployments.deployment import DeploymentRequest
from deployments.findings import Finding, Severity, finding
from deployments.reasons import Reason

__all__ = [
    "DATASTORE_MODE",
    "CredentialSource",
    "ExistingResource",
    "Preflight",
    "Project",
    "blocking",
    "by_severity",
    "disabled_apis",
    "existing_resources",
    "firestore_location",
    "is_of_stack",
    "is_stack_name",
    "limited_builds",
    "retired_runtimes",
    "unsupported_region",
    "used_up_accounts",
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


# The regions in which Google lets each project build:
# https://cloud.google.com/build/docs/locations#restricted_regions_for_some_projects
_BUILD_REGIONS = (
    "asia-east1",
    "australia-southeast1",
    "europe-west1",
    "southamerica-east1",
    "us-central1",
    "us-west2",
)
# Defaults of the template's variables.
_DATABASE, _DATABASE_LOCATION = "anava", "nam5"
# Google's type of a database that refuses Firestore's API.
DATASTORE_MODE = "DATASTORE_MODE"


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
class ExistingResource:
    """A resource that exists in the project; `location` is empty for a global resource.

    `type` is Google's type of a database.
    """

    kind: str
    name: str
    location: str = ""
    type: str = ""


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without duplicates, the most severe first."""
    order = list(Severity)
    return sorted(dict.fromkeys(findings), key=lambda item: order.index(item.severity))


def blocking(findings: Iterable[Finding]) -> Reason | None:
    """The cause of the first blocking finding; None without such a finding."""
    return next(
        (finding.cause for finding in findings if finding.severity is Severity.BLOCKING), None
    )


def disabled_apis(project: str, apis: Iterable[str], enabled: Set[str]) -> Iterator[Finding]:
    """A note for each disabled API: the deployment enables the API by itself."""
    for api in apis:
        if api not in enabled:
            yield finding(
                Reason.API_DISABLED,
                f"{api} is disabled; the deployment enables it.",
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


def limited_builds(
    request: DeploymentRequest, resources: Iterable[ExistingResource]
) -> Iterator[Finding]:
    """A warning for a region where Google lets only some projects build, unless this one has."""
    has_built = any(item.kind == "function" for item in resources)
    if request.region not in _BUILD_REGIONS and not has_built:
        yield finding(
            Reason.LOCATION_MISMATCH,
            f"Google lets some projects, new ones above all, build functions only in "
            f"{', '.join(_BUILD_REGIONS)}: the functions possibly cannot be built in "
            f"{request.region}.",
            Severity.WARNING,
            resource=request.region,
        )


def retired_runtimes(
    request: DeploymentRequest, needed: Iterable[str], stages: Mapping[str, str]
) -> Iterator[Finding]:
    """A finding for each runtime of the template that Google has retired or will retire.

    `stages` is Google's stage of each runtime; a runtime without a stage is not judged.
    """
    for runtime in needed:
        if stages.get(runtime) == "DECOMMISSIONED":
            yield finding(
                Reason.RUNTIME_RETIRED,
                f"Google no longer builds functions for the runtime {runtime} in {request.region}.",
                resource=runtime,
            )
        elif stages.get(runtime) == "DEPRECATED":
            yield finding(
                Reason.RUNTIME_RETIRED,
                f"Google will stop to build functions for the runtime {runtime}.",
                Severity.WARNING,
                resource=runtime,
            )


def used_up_accounts(
    request: DeploymentRequest, needed: int, accounts: Iterable[str], limit: int
) -> Iterator[Finding]:
    """A blocking finding where the project's quota lacks service accounts for the stack.

    Args:
        request: the deployment.
        needed: how many accounts the stack has.
        accounts: ids of all accounts of the project.
        limit: the project's quota; negative is unlimited.
    """
    present = list(accounts)
    missing = needed - sum(is_stack_name(request, account) for account in present)
    if 0 <= limit < len(present) + missing and missing > 0:
        project = request.stack.project_id
        yield finding(
            Reason.QUOTA_EXCEEDED,
            f"The stack needs {missing} more service accounts, and {project} has {len(present)} of "
            f"at most {limit}.",
            fix=f"https://console.cloud.google.com/iam-admin/quotas?project={project}",
            resource="iam.googleapis.com/quota/service-account-count",
        )


def firestore_location(request: DeploymentRequest) -> str:
    """The location of the stack's database."""
    return str(json.loads(request.variables_json).get("firestore_location", _DATABASE_LOCATION))


def _database(request: DeploymentRequest) -> str:
    return str(json.loads(request.variables_json).get("firestore_database_id", _DATABASE))


def existing_resources(
    request: DeploymentRequest, resources: Iterable[ExistingResource]
) -> Iterator[Finding]:
    """A note for each existing resource that is imported; blocking where it cannot be used."""
    for resource in resources:
        if resource.type == DATASTORE_MODE:
            yield finding(
                Reason.DATASTORE_MODE,
                f"The database {resource.name} is in Datastore mode, which the cameras cannot use.",
                fix="anava deploy --var firestore_database_id=anava-cameras",
                resource=resource.name,
            )
        elif requested := _other_location(request, resource):
            yield _immovable(resource, requested)
        else:
            yield finding(
                Reason.ALREADY_EXISTS,
                f"The {resource.kind} {resource.name} exists and will be imported.",
                Severity.NOTE,
                resource=resource.name,
            )


def _other_location(request: DeploymentRequest, resource: ExistingResource) -> str:
    """The requested location of a resource that lies elsewhere; empty for all others."""
    locations = {"bucket": request.storage_location, "database": firestore_location(request)}
    requested = locations.get(resource.kind, "")
    return requested if resource.location.lower() not in {"", requested.lower()} else ""


def _immovable(resource: ExistingResource, requested: str) -> Finding:
    if resource.kind == "database":
        # A database of the stack's state stays where it is; the survey after the plan refuses
        # another.
        return finding(
            Reason.LOCATION_MISMATCH,
            f"The database {resource.name} exists in {resource.location} and cannot be moved to "
            f"{requested}.",
            Severity.WARNING,
            f"anava deploy --var firestore_location={resource.location}",
            resource.name,
        )
    return finding(
        Reason.LOCATION_MISMATCH,
        f"The {resource.kind} {resource.name} cannot be moved from {resource.location} to "
        f"{requested}.",
        fix=f"anava deploy --storage-location {resource.location}",
        resource=resource.name,
    )


def is_of_stack(request: DeploymentRequest, kind: str, name: str) -> bool:
    """Whether the stack uses a resource of this kind and name."""
    return name == _database(request) if kind == "database" else is_stack_name(request, name)


def is_stack_name(request: DeploymentRequest, name: str) -> bool:
    """Whether the stack could have created a resource of this name."""
    stack = request.stack
    prefix, project = re.escape(stack.prefix), re.escape(stack.project_id)
    return re.fullmatch(rf"({project}-|devices-)?{prefix}(-.+)?", name) is not None
