"""Import of existing cloud resources into the state: rules.

The candidates are the planned creations of terraform's plan: a resource to create is not in the
state. This module holds only the name of each type in Google's API and in an import block (tried
with provider 7.45.0).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from deployments.findings import Finding
from deployments.payload_size import Omissible

__all__ = [
    "Import",
    "ImportSurvey",
    "PlannedCreation",
    "ResourceLookup",
    "import_file",
    "planned_creations",
    "replaced_addresses",
    "resource_lookup",
    "ruleset_source",
    "unusable_resources",
]


@dataclass(frozen=True)
class Import(Omissible):
    """An import block: the address in the stack and the id of the existing resource."""

    address: str
    id: str


@dataclass(frozen=True)
class ImportSurvey:
    """Result of a search in the project: possible imports, and findings that prevent imports."""

    imports: list[Import] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    # Addresses of unusable resources that were deleted: the plan still counts on them.
    deleted: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PlannedCreation:
    """A resource that a plan creates, with the values that the plan contains."""

    address: str
    type: str
    values: Mapping[str, object]

    def text(self, name: str) -> str:
        """A text value; empty where the plan contains none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class ResourceLookup:
    """A resource at Google: API, request path, and id for terraform."""

    service: str
    path: str
    id: str


# API with version, and the name, which is the rest of the path and terraform's id. Not listed:
# the provider imports IAM members and project services by itself and overwrites an object; the
# import of a secret's version leads to a replacement.
_NAMES = {
    "google_service_account": (
        "iam/v1",
        "projects/{project}/serviceAccounts/{account_id}@{project}.iam.gserviceaccount.com",
    ),
    "google_project_iam_custom_role": ("iam/v1", "projects/{project}/roles/{role_id}"),
    "google_iam_workload_identity_pool": (
        "iam/v1",
        "projects/{project}/locations/global/workloadIdentityPools/{workload_identity_pool_id}",
    ),
    "google_iam_workload_identity_pool_provider": (
        "iam/v1",
        "projects/{project}/locations/global/workloadIdentityPools/{workload_identity_pool_id}"
        "/providers/{workload_identity_pool_provider_id}",
    ),
    "google_secret_manager_secret": ("secretmanager/v1", "projects/{project}/secrets/{secret_id}"),
    "google_apikeys_key": ("apikeys/v2", "projects/{project}/locations/global/keys/{name}"),
    "google_firestore_database": ("firestore/v1", "projects/{project}/databases/{name}"),
    # The provider imports the project by itself, too, but then the plan lacks the project number,
    # and an imported function with the number in the environment fails with "inconsistent final
    # plan" (measured).
    "google_firebase_project": ("firebase/v1beta1", "projects/{project}"),
    "google_firebase_storage_bucket": (
        "firebasestorage/v1beta",
        "projects/{project}/buckets/{bucket_id}",
    ),
    "google_firebaserules_release": ("firebaserules/v1", "projects/{project}/releases/{name}"),
    "google_identity_platform_config": ("identitytoolkit/v2", "projects/{project}/config"),
    "google_cloudfunctions2_function": (
        "cloudfunctions/v2",
        "projects/{project}/locations/{location}/functions/{name}",
    ),
    "google_api_gateway_api": (
        "apigateway/v1beta",
        "projects/{project}/locations/global/apis/{api_id}",
    ),
    "google_api_gateway_api_config": (
        "apigateway/v1beta",
        "projects/{project}/locations/global/apis/{api}/configs/{api_config_id}",
    ),
    "google_api_gateway_gateway": (
        "apigateway/v1beta",
        "projects/{project}/locations/{region}/gateways/{gateway_id}",
    ),
}


# Creating them again changes nothing at Google.
_REPEATABLE = {"google_firebase_project", "google_identity_platform_config"}


def planned_creations(plan_json: bytes) -> list[PlannedCreation]:
    """The resources that a plan creates.

    Raises:
        ValueError: the content is not a plan.
    """
    return [
        _planned(resource_change, "after")
        for resource_change in _managed(plan_json)
        if resource_change["change"]["actions"] == ["create"]
    ]


def unusable_resources(plan_json: bytes) -> list[PlannedCreation]:
    """Resources in the state that an apply of this plan would not make usable.

    An incomplete (tainted) resource that terraform would create before it destroys the old one,
    whose name is taken; and a failed function without an address, in which the plan sees no change.
    """
    return [
        _planned(resource_change, "before")
        for resource_change in _managed(plan_json)
        if resource_change["type"] in _NAMES.keys() - _REPEATABLE
        and (_is_replaced_by_creation(resource_change) or _is_failed_function(resource_change))
    ]


def _managed(plan_json: bytes) -> Iterator[Mapping[str, Any]]:
    for resource_change in json.loads(plan_json).get("resource_changes", ()):
        if resource_change.get("mode") == "managed":
            yield resource_change


def _planned(resource_change: Mapping[str, Any], values: str) -> PlannedCreation:
    """A resource with its values `before` or `after` the apply."""
    return PlannedCreation(
        str(resource_change["address"]),
        str(resource_change["type"]),
        resource_change["change"].get(values) or {},
    )


def _is_replaced_by_creation(resource_change: Mapping[str, Any]) -> bool:
    return (
        resource_change["change"]["actions"] == ["create", "delete"]
        and resource_change.get("action_reason") == "replace_because_tainted"
    )


def _is_failed_function(resource_change: Mapping[str, Any]) -> bool:
    change = resource_change["change"]
    before = change.get("before") or {}
    return (
        resource_change["type"] == "google_cloudfunctions2_function"
        and change["actions"] in (["no-op"], ["update"])
        and before.get("state") == "FAILED"
        and not any(service.get("uri") for service in _objects(before.get("service_config")))
    )


def replaced_addresses(plan_json: bytes) -> list[str]:
    """Addresses of resources that the plan imports and destroys at once."""
    return [
        str(resource_change["address"])
        for resource_change in json.loads(plan_json).get("resource_changes", ())
        if resource_change["change"].get("importing")
        and "delete" in resource_change["change"]["actions"]
    ]


def resource_lookup(creation: PlannedCreation, project: str) -> ResourceLookup | None:
    """Where the resource would exist; None for other types and names that the plan lacks."""
    if creation.type == "google_storage_bucket":
        bucket = creation.text("name")
        path = f"storage/v1/b/{_quoted(bucket)}"
        return ResourceLookup("storage", path, f"{project}/{bucket}") if bucket else None
    if creation.type not in _NAMES:
        return None
    api, name = _NAMES[creation.type]
    service, version = api.split("/")
    values = {
        key: value for key, value in creation.values.items() if isinstance(value, str) and value
    }
    values["project"] = project
    try:
        id = name.format_map(values)
        # Names of releases contain slashes.
        safe = "/" if creation.type == "google_firebaserules_release" else ""
        path = name.format_map({key: _quoted(value, safe) for key, value in values.items()})
    except KeyError:
        # Known only after the creation of another resource: the next plan contains the name.
        return None
    return ResourceLookup(service, f"{version}/{path}", id)


def import_file(imports: Iterable[Import]) -> str:
    """Import blocks as terraform JSON; template signs in an id are doubled."""
    blocks = [{"to": block.address, "id": _literal(block.id)} for block in imports]
    return json.dumps({"import": blocks}, indent=2)


def ruleset_source(ruleset: Mapping[str, object]) -> str:
    """The source text of a ruleset from a plan or from Google; empty without a source."""
    source = next(_objects(ruleset.get("source")), {})
    file = next(_objects(source.get("files")), {})
    return str(file.get("content") or "")


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    """The objects of a block: a plan writes a list, Google may write a single object."""
    entries = value if isinstance(value, list) else [value]
    yield from (entry for entry in entries if isinstance(entry, Mapping))


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=f"@(){safe}")


def _literal(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")
