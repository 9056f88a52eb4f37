"""What exists already is imported, never made a second time: pure rules.

What to look for comes from terraform's own plan: whatever it would create is not in the state. So
no address is written down here, only what each type is called at Google and in an import block
(tried with provider 7.45.0).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from deployments.findings import Finding

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
]


@dataclass(frozen=True)
class Import:
    """One import block: an address of the stack and the id of what exists."""

    address: str
    id: str


@dataclass(frozen=True)
class ImportSurvey:
    """What a look at the project gave: what can be adopted, and what stands in the way."""

    imports: list[Import] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class PlannedCreation:
    """A resource that a plan would create, with the values that are known by then."""

    address: str
    type: str
    values: Mapping[str, object]

    def text(self, name: str) -> str:
        """A value that is a text and known; empty otherwise."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class ResourceLookup:
    """Where Google keeps it: the API, the path to ask, and the id for terraform."""

    service: str
    path: str
    id: str


# API and version, and the name that is both the rest of the path and terraform's id. What is
# missing: IAM members and project services are taken over by the provider itself; an object is
# written over; a secret's version cannot be imported without being replaced.
_NAMES = {
    "google_service_account": (
        "iam/v1",
        "projects/{project}/serviceAccounts/{account_id}@{project}.iam.gserviceaccount.com",
    ),
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
    # The provider takes it over, too, but then its number is not known to the plan, and an adopted
    # function whose environment holds it fails with "inconsistent final plan" (measured).
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


def planned_creations(plan_json: bytes) -> list[PlannedCreation]:
    """What the plan would create.

    Raises:
        ValueError: it is no plan.
    """
    return [
        PlannedCreation(
            str(resource_change["address"]),
            str(resource_change["type"]),
            resource_change["change"].get("after") or {},
        )
        for resource_change in json.loads(plan_json).get("resource_changes", ())
        if resource_change.get("mode") == "managed"
        and resource_change["change"]["actions"] == ["create"]
    ]


def replaced_addresses(plan_json: bytes) -> list[str]:
    """Addresses that the plan would adopt and at once destroy."""
    return [
        str(resource_change["address"])
        for resource_change in json.loads(plan_json).get("resource_changes", ())
        if resource_change["change"].get("importing")
        and "delete" in resource_change["change"]["actions"]
    ]


def resource_lookup(creation: PlannedCreation, project: str) -> ResourceLookup | None:
    """Where to look for it; None where there is nothing to look for, or its name is not known."""
    if creation.type == "google_storage_bucket":
        name = creation.text("name")
        return (
            ResourceLookup("storage", f"storage/v1/b/{_quoted(name)}", f"{project}/{name}")
            if name
            else None
        )
    known = _NAMES.get(creation.type)
    if known is None:
        return None
    (service, version), name = known[0].split("/"), known[1]
    values = {
        key: value for key, value in creation.values.items() if isinstance(value, str) and value
    }
    values["project"] = project
    try:
        found = name.format_map(values)
        # The names of releases have slashes of their own.
        safe = "/" if creation.type == "google_firebaserules_release" else ""
        path = name.format_map({key: _quoted(value, safe) for key, value in values.items()})
    except KeyError:
        # Not known before something else is made; then it is found by the next plan.
        return None
    return ResourceLookup(service, f"{version}/{path}", found)


def import_file(imports: Iterable[Import]) -> str:
    """Terraform's JSON for the import blocks; an id is a template there, so its signs double."""
    blocks = [{"to": item.address, "id": _literal(item.id)} for item in imports]
    return json.dumps({"import": blocks}, indent=2)


def ruleset_source(ruleset: Mapping[str, object]) -> str:
    """The text of a ruleset, as the plan or Google gives it; empty when there is none."""
    source = next(_each(ruleset.get("source")), {})
    file = next(_each(source.get("files")), {})
    return str(file.get("content") or "")


def _each(value: object) -> Iterator[Mapping[str, object]]:
    """The objects in a block, which a plan writes as a list and Google perhaps as one."""
    entries = value if isinstance(value, list) else [value]
    yield from (entry for entry in entries if isinstance(entry, Mapping))


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=f"@(){safe}")


def _literal(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")
