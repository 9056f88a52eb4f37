"""iam: workload identity pools and their providers, restorable for 30 days."""

import re

from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("iam")
ROUTES = (API,)

POOLS, PROVIDERS = "workloadIdentityPools", "providers"
RETENTION_SECONDS = 30 * 24 * 3600  # documented for pools and providers
_PARENT = "projects/{project}/locations/global/workloadIdentityPools"
_POOL = _PARENT + "/{pool}"
_PROVIDER = _POOL + "/providers/{provider}"
_ID = re.compile(r"[a-z0-9-]{4,32}")


def _pools(call: Call) -> str:
    return f"{call.root}locations/global/workloadIdentityPools/"


def _name(call: Call) -> tuple[str, str]:
    """Kind and full name of the call's resource."""
    pool = _pools(call) + call.params["pool"]
    if "provider" in call.params:
        return PROVIDERS, f"{pool}/providers/{call.params['provider']}"
    return POOLS, pool


def _operation(call: Call, name: str, resource: Json) -> Json:
    shown = name.replace(call.root, call.numbered, 1)
    return call.world.operation(f"{shown}/operations/{call.world.serial()}", lambda: resource)


def _create(call: Call, kind: str, name: str) -> Json:
    identifier = name.rpartition("/")[2]
    if not _ID.fullmatch(identifier) or identifier.startswith("gcp-"):
        raise invalid(f"The id {identifier[:80]!r} has 4 to 32 of a-z, 0-9, '-', not gcp- first.")
    shown = name.replace(call.root, call.numbered, 1)
    resource = {**call.body, "name": shown, "state": "ACTIVE"}
    call.world.put(kind, name, resource, "Requested entity already exists.")
    return _operation(call, name, resource)


@API.post(_PARENT, "iam.workloadIdentityPools.create")
def create_pool(call: Call) -> Json:
    name = _pools(call) + call.required("workloadIdentityPoolId")
    return _create(call, POOLS, name)


@API.post(_POOL + "/providers", "iam.workloadIdentityPoolProviders.create")
def create_provider(call: Call) -> Json:
    _, pool = _name(call)
    if call.world.get(POOLS, pool)["state"] == "DELETED":
        raise refusal(400, "The pool is deleted.", status="FAILED_PRECONDITION")
    name = f"{pool}/providers/{call.required('workloadIdentityPoolProviderId')}"
    return _create(call, PROVIDERS, name)


def _list(call: Call, key: str, kind: str, prefix: str) -> Json:
    hidden = call.query.get("showDeleted") != "true"
    found = call.world.under(kind, prefix)
    return page(call, key, [item for item in found if not (hidden and item["state"] == "DELETED")])


@API.get(_PARENT, "iam.workloadIdentityPools.list")
def list_pools(call: Call) -> Json:
    return _list(call, "workloadIdentityPools", POOLS, _pools(call))


@API.get(_POOL + "/providers", "iam.workloadIdentityPoolProviders.list")
def list_providers(call: Call) -> Json:
    return _list(call, "workloadIdentityPoolProviders", PROVIDERS, f"{_name(call)[1]}/")


@API.get(_POOL, "iam.workloadIdentityPools.get")
@API.get(_PROVIDER, "iam.workloadIdentityPoolProviders.get")
def get(call: Call) -> Json:
    return call.world.get(*_name(call))


@API.get(_POOL + ":listAttestationRules")
def list_rules(call: Call) -> Json:
    call.world.get(*_name(call))
    return {}


@API.patch(_POOL, "iam.workloadIdentityPools.update")
@API.patch(_PROVIDER, "iam.workloadIdentityPoolProviders.update")
def patch(call: Call) -> Json:
    kind, name = _name(call)
    resource = merged(call.world.get(kind, name), call.body, call.query.get("updateMask", ""))
    call.world.kind(kind)[name] = resource
    return _operation(call, name, resource)


@API.delete(_POOL, "iam.workloadIdentityPools.delete")
@API.delete(_PROVIDER, "iam.workloadIdentityPoolProviders.delete")
def delete(call: Call) -> Json:
    """Mark as deleted; the id stays reserved until the purge."""
    kind, name = _name(call)
    resource = call.world.get(kind, name)
    if resource["state"] == "DELETED":
        raise refusal(400, "It is deleted already.", status="FAILED_PRECONDITION")
    resource.update(state="DELETED", expireTime=call.world.stamp(RETENTION_SECONDS))
    call.world.schedule_purge(kind, name, RETENTION_SECONDS)
    return _operation(call, name, resource)


@API.post(_POOL + ":undelete", "iam.workloadIdentityPools.undelete")
@API.post(_PROVIDER + ":undelete", "iam.workloadIdentityPoolProviders.undelete")
def undelete(call: Call) -> Json:
    kind, name = _name(call)
    resource = call.world.get(kind, name)
    if resource["state"] != "DELETED":
        raise refusal(400, "It is not deleted.", status="FAILED_PRECONDITION")
    resource.pop("expireTime", None)
    resource["state"] = "ACTIVE"
    call.world.purge_at.pop((kind, name), None)
    return _operation(call, name, resource)
