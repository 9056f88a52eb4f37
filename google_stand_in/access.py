"""Who may do what: the roles of a principal, from IAM policies and Google's role lists.

A role takes effect some time after the policy was written (`World.role_seconds`). Deny policies,
groups and conditions are not known: a conditional binding counts as one without the condition.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from google_stand_in.answers import Json
from google_stand_in.world import Project, World

_FILE = Path(__file__).with_name("roles.json")
_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
# Members of a bucket's own policy that stand for the holders of a basic role of the project:
# https://cloud.google.com/storage/docs/access-control/iam#convenience-values
_CONVENIENCE = {
    "projectOwner": "roles/owner",
    "projectEditor": "roles/editor",
    "projectViewer": "roles/viewer",
}


@cache
def predefined() -> dict[str, frozenset[str]]:
    """The predefined roles, by name; see scripts/google-roles."""
    roles = json.loads(_FILE.read_bytes())["roles"]
    return {role: frozenset(map(_short, listed)) for role, listed in roles.items()}


def allows(world: World, principal: str, permission: str, resources: tuple[str, ...]) -> bool:
    """Whether a role on one of the resources contains the permission and is in effect."""
    if world.access == "everything":
        return True
    wanted = _short(permission)
    return any(
        wanted in _permissions(world, role)
        for resource in resources
        for role in _roles(world, principal, resource)
    )


def covering(
    world: World, project: Project | None, api: str, params: Mapping[str, str], path: str
) -> tuple[str, ...]:
    """The resources whose policies count for a call: the project, and each resource of the path."""
    names = {f"projects/{project.project_id}"} if project else set()
    if api == "storage" and "bucket" in params:
        return (*names, params["bucket"])
    parts = world.canonical(path).split("/")
    names |= {"/".join(parts[:end]) for end in range(2, len(parts))}
    names.add("/".join([*parts[:-1], parts[-1].partition(":")[0]]))
    if "account" in params:  # `projects/-/serviceAccounts/<address>`
        end = f"/serviceAccounts/{params['account']}"
        names |= {name for name in world.kind("serviceAccounts") if name.endswith(end)}
    return tuple(sorted(names))


def record(world: World, resource: str, old: Json, new: Json) -> None:
    """Note when the grants of a new policy take effect; a removed grant ends at once."""
    before, after = _grants(old), _grants(new)
    for grant in before - after:
        world.effective_at.pop((resource, *grant), None)
    for grant in after - before:
        world.effective_at[resource, *grant] = world.now() + world.role_seconds


def forget(world: World, member: str, unique: str) -> None:
    """Rename a deleted service account's member: an account of the same name has no roles.

    https://cloud.google.com/iam/docs/service-accounts-delete-undelete
    """
    deleted = f"deleted:{member}?uid={unique}"
    for policy in world.policies.values():
        for binding in policy.get("bindings", []):
            members = binding.get("members", [])
            binding["members"] = [deleted if item == member else item for item in members]


def of_new_bucket(project_id: str) -> Json:
    """The policy of a new bucket with uniform access: the basic roles' rights in it.

    https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable
    """
    owners = [f"projectEditor:{project_id}", f"projectOwner:{project_id}"]
    bindings = [
        {"role": f"roles/storage.legacy{kind}", "members": members}
        for kind, members in (
            ("BucketOwner", owners),
            ("BucketReader", [f"projectViewer:{project_id}"]),
            ("ObjectOwner", owners),
            ("ObjectReader", [f"projectViewer:{project_id}"]),
        )
    ]
    return {"version": 1, "etag": "CAE=", "bindings": bindings}


def _short(permission: str) -> str:
    """`iam.googleapis.com/workloadIdentityPools.get` is `iam.workloadIdentityPools.get`."""
    return permission.replace("iam.googleapis.com/", "iam.", 1)


def _grants(policy: Json) -> set[tuple[str, str]]:
    return {
        (str(binding["role"]), str(member))
        for binding in policy.get("bindings", [])
        for member in binding.get("members", [])
    }


def _roles(world: World, principal: str, resource: str) -> set[str]:
    now = world.now()
    return {
        role
        for role, member in _grants(world.policies.get(resource, {}))
        if world.effective_at.get((resource, role, member), 0) <= now
        and _is_member(world, principal, member)
    }


def _is_member(world: World, principal: str, member: str) -> bool:
    if member in {principal, *_EVERYBODY}:
        return True
    kind, _, project = member.partition(":")
    basic = _CONVENIENCE.get(kind)
    return basic is not None and basic in _roles(world, principal, f"projects/{project}")


def _permissions(world: World, role: str) -> frozenset[str]:
    custom = world.kind("roles").get(role, {})
    if custom.get("deleted"):
        return frozenset()
    listed = frozenset(_short(str(item)) for item in custom.get("includedPermissions", []))
    return predefined().get(role, listed)
