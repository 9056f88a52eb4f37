"""Methods of every API: IAM policies of resources, operations."""

import base64
import re

from google_stand_in import access
from google_stand_in.answers import Json, invalid, not_found
from google_stand_in.apis.org_policy import ORGANIZATION_DOMAIN, limits_members
from google_stand_in.routing import Call, Routes

EVERY = Routes("*")
ROUTES = (EVERY,)

_ACCOUNT = re.compile(r"serviceAccount:([^@]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com)")
_ROLE = re.compile(r"(roles|projects/[^/]+/roles|organizations/[^/]+/roles)/[\w.]+")


def read(call: Call, resource: str) -> Json:
    """The policy of a resource; an empty policy has an etag too."""
    return call.world.policies.get(resource) or {"version": 1, "etag": "ACAB"}


def write(call: Call, resource: str, policy: Json) -> Json:
    """Replace a policy; refuse a stale etag and unknown members."""
    current = read(call, resource)
    if policy.get("etag") not in {None, "", current["etag"]}:
        raise call.failing("concurrent_policy")
    bindings = policy.get("bindings") or []
    for binding in bindings:
        if not _ROLE.fullmatch(str(binding.get("role", ""))):
            raise invalid(f"Role {binding.get('role')} is not supported for this resource.")
        for member in binding.get("members", []):
            _check_member(call, str(member))
            _check_customer(call, str(member))
    etag = base64.b64encode(f"etag{call.world.serial()}".encode()).decode()
    kept = {**policy, "version": policy.get("version", 1), "etag": etag, "bindings": bindings}
    access.record(call.world, resource, current, kept)
    call.world.policies[resource] = kept
    return kept


def permitted(call: Call, permissions: list[str]) -> Json:
    """The granted subset of permissions; an empty object for none, as at Google."""
    granted = [permission for permission in permissions if call.may(permission)]
    return {"permissions": granted} if granted else {}


def _check_member(call: Call, member: str) -> None:
    """Refuse a missing service account of a known project."""
    found = _ACCOUNT.fullmatch(member)
    project = call.world.find_project(found[2]) if found else None
    if not found or not project:
        if ":" not in member and member not in {"allUsers", "allAuthenticatedUsers"}:
            raise invalid(f"The member {member} is of an unknown type.")
        return
    name = f"projects/{project.project_id}/serviceAccounts/{found[1]}"
    if name not in call.world.kind("serviceAccounts"):
        raise call.failing("member_missing", email=found[1])


def _check_customer(call: Call, member: str) -> None:
    """Refuse who is outside of the organisation under iam.allowedPolicyMemberDomains.

    The constraint has customer ids; here the organisation's only domain is example.com.
    """
    names = [name for name in call.resources if name.count("/") == 1]
    project = call.world.find_project(names[0].removeprefix("projects/")) if names else None
    if project is None or not limits_members(project):
        return
    kind, _, name = member.partition(":")
    if member in {"allUsers", "allAuthenticatedUsers"} or (
        kind in {"user", "group", "domain"} and name.rpartition("@")[2] != ORGANIZATION_DOMAIN
    ):
        raise call.failing(f"permitted_customer{'_storage' if call.api == 'storage' else ''}")


def _resource(call: Call) -> str:
    """The canonical name of the call's resource, which must exist."""
    name = call.world.canonical(call.params["resource"])
    if name.startswith("projects/-/serviceAccounts/"):
        mail = name.rpartition("/")[2]
        accounts = call.world.kind("serviceAccounts")
        name = next((account for account in accounts if account.endswith(f"/{mail}")), name)
    if not call.world.exists(name):
        raise not_found(name)
    return name


@EVERY.get("{resource=**}:getIamPolicy")
@EVERY.post("{resource=**}:getIamPolicy")
def get_policy(call: Call) -> Json:
    return read(call, _resource(call))


@EVERY.post("{resource=**}:setIamPolicy")
def set_policy(call: Call) -> Json:
    policy = call.body.get("policy")
    if not isinstance(policy, dict):
        raise invalid("The request was missing the required field policy.")
    return write(call, _resource(call), policy)


@EVERY.post("{resource=**}:testIamPermissions")
def test_permissions(call: Call) -> Json:
    _resource(call)
    return permitted(call, [str(permission) for permission in call.body.get("permissions", [])])


@EVERY.get("operations/{operation=**}")
@EVERY.get("{parent=**}/operations/{operation}")
def get_operation(call: Call) -> Json:
    operation = call.world.operations.get(call.path)
    if operation is None:
        raise not_found(call.path)
    return operation.view()
