"""iam: service accounts and custom roles."""

import re

from google_stand_in import access
from google_stand_in.answers import Json, invalid, not_found, refusal
from google_stand_in.apis.org_policy import enforced
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("iam")
ROUTES = (API,)

ACCOUNTS, ROLES = "serviceAccounts", "roles"
# https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles/delete
_RESTORABLE_SECONDS = 7 * 24 * 3600
_FAILED = "FAILED_PRECONDITION"
_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")


def account_name(call: Call) -> str:
    """Resolve an address or a unique id, also with `-` for the project."""
    account, project = call.params["account"], call.params["project"]
    accounts = call.world.kind(ACCOUNTS)
    prefix = "projects/" if project == "-" else f"{call.root}{ACCOUNTS}/"
    for name, one in accounts.items():
        if name.startswith(prefix) and account in {one["email"], one["uniqueId"]}:
            return name
    raise not_found(f"projects/{project}/{ACCOUNTS}/{account}")


@API.post("projects/{project}/serviceAccounts", "iam.serviceAccounts.create")
def create_account(call: Call) -> Json:
    project, account_id = call.project, str(call.body.get("accountId", ""))
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise invalid(f"The account ID '{account_id[:80]}' is not valid: 6 to 30 of a-z, 0-9, '-'.")
    if enforced(project, "iam.disableServiceAccountCreation"):
        raise call.failing("org_policy_service_account")
    email = f"{account_id}@{project.project_id}.iam.gserviceaccount.com"
    name = f"{call.root}{ACCOUNTS}/{email}"
    if name in call.world.kind(ACCOUNTS):
        raise call.failing("service_account_exists", name=account_id, project=project.project_id)
    unique = call.world.unique(name)
    given = call.body.get("serviceAccount") or {}
    account = {
        "name": name,
        "projectId": project.project_id,
        "uniqueId": unique,
        "email": email,
        "displayName": given.get("displayName", ""),
        "description": given.get("description", ""),
        "etag": "MDEwMjE5MjA=",
        "oauth2ClientId": unique,
    }
    return call.world.put(ACCOUNTS, name, account)


@API.get("projects/{project}/serviceAccounts", "iam.serviceAccounts.list")
def list_accounts(call: Call) -> Json:
    return page(call, "accounts", call.world.under(ACCOUNTS, f"{call.root}{ACCOUNTS}/"))


@API.get("projects/{project}/serviceAccounts/{account}", "iam.serviceAccounts.get")
def get_account(call: Call) -> Json:
    return call.world.get(ACCOUNTS, account_name(call))


@API.patch("projects/{project}/serviceAccounts/{account}", "iam.serviceAccounts.update")
def patch_account(call: Call) -> Json:
    name, body = account_name(call), call.body
    old = call.world.get(ACCOUNTS, name)
    mask = str(body.get("updateMask") or call.query.get("updateMask", ""))
    account = merged(old, body.get("serviceAccount") or {}, mask)
    call.world.kind(ACCOUNTS)[name] = account
    return account


@API.delete("projects/{project}/serviceAccounts/{account}", "iam.serviceAccounts.delete")
def delete_account(call: Call) -> Json:
    account = call.world.remove(ACCOUNTS, account_name(call))
    access.forget(call.world, f"serviceAccount:{account['email']}", account["uniqueId"])
    return {}


@API.post("projects/{project}/serviceAccounts/{account}:enable", "iam.serviceAccounts.enable")
@API.post("projects/{project}/serviceAccounts/{account}:disable", "iam.serviceAccounts.disable")
def switch_account(call: Call) -> Json:
    account = call.world.get(ACCOUNTS, account_name(call))
    account["disabled"] = call.path.endswith(":disable")
    return {}


def _role(call: Call) -> str:
    return f"{call.root}{ROLES}/{call.params['role']}"


@API.post("projects/{project}/roles", "iam.roles.create")
def create_role(call: Call) -> Json:
    role_id = str(call.body.get("roleId", ""))
    if not re.fullmatch(r"[\w.]{3,64}", role_id):
        raise invalid(f"The role_id {role_id[:80]!r} is not valid.")
    name = f"{call.root}{ROLES}/{role_id}"
    role = {**(call.body.get("role") or {}), "name": name, "etag": "BwYAAAAAAAA="}
    message = f"A role named {role_id} in {call.root.rstrip('/')} already exists."
    return call.world.put(ROLES, name, role, message)


@API.get("projects/{project}/roles", "iam.roles.list")
def list_roles(call: Call) -> Json:
    return page(call, "roles", call.world.under(ROLES, f"{call.root}{ROLES}/"))


@API.get("projects/{project}/roles/{role}", "iam.roles.get")
def get_role(call: Call) -> Json:
    return call.world.get(ROLES, _role(call))


@API.patch("projects/{project}/roles/{role}", "iam.roles.update")
def patch_role(call: Call) -> Json:
    name = _role(call)
    role = merged(call.world.get(ROLES, name), call.body, call.query.get("updateMask", ""))
    call.world.kind(ROLES)[name] = role
    return role


@API.delete("projects/{project}/roles/{role}", "iam.roles.delete")
def delete_role(call: Call) -> Json:
    """Mark a role as deleted for 7 days; the id stays reserved for 37 days."""
    role = call.world.get(ROLES, _role(call))
    role["deleted"] = True
    call.world.restorable_until[_role(call)] = call.world.now() + _RESTORABLE_SECONDS
    return role


@API.post("projects/{project}/roles/{role}:undelete", "iam.roles.undelete")
def undelete_role(call: Call) -> Json:
    role = call.world.get(ROLES, _role(call))
    until = call.world.restorable_until.get(_role(call))
    if role.get("deleted") and until is not None and call.world.now() > until:
        # Google's own text is not public.
        raise refusal(400, f"The role {_role(call)} cannot be undeleted.", status=_FAILED)
    role.pop("deleted", None)
    return role
