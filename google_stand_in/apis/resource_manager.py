"""cloudresourcemanager (v1 and v3), cloudbilling, and compute's `projects.get`."""

import re

from google_stand_in import access
from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.apis import policies
from google_stand_in.routing import Call, Routes, page
from google_stand_in.world import Project

API = Routes("cloudresourcemanager")
BILLING = Routes("cloudbilling")
COMPUTE = Routes("compute")
ROUTES = (API, BILLING, COMPUTE)

ORGANIZATION = "998877665544"


def _found(call: Call) -> Project:
    """The project, even if deleted; 403 for an unknown project, as at Google."""
    project = call.world.find_project(call.params["project"])
    if project is None:
        raise refusal(403, "The caller does not have permission")
    return project


def _view(call: Call, project: Project) -> Json:
    if call.version == "v3":
        return {
            "name": f"projects/{project.number}",
            "parent": f"organizations/{ORGANIZATION}",
            "projectId": project.project_id,
            "state": project.state,
            "displayName": project.name,
            "createTime": "2024-01-02T03:04:05.678Z",
        }
    return {
        "projectNumber": project.number,
        "projectId": project.project_id,
        "lifecycleState": project.state,
        "name": project.name,
        "createTime": "2024-01-02T03:04:05.678Z",
        "parent": {"type": "organization", "id": ORGANIZATION},
    }


@API.get("projects/{project}", "resourcemanager.projects.get")
def get_project(call: Call) -> Json:
    return _view(call, _found(call))


@API.get("projects")
@API.get("projects:search")
def list_projects(call: Call) -> Json:
    """`filter` (v1) and `query` (v3): all terms, such as `projectId:demo`, must match."""
    words = re.findall(
        r"(\w+)[:=]([^\s]+)", call.query.get("filter") or call.query.get("query", "")
    )
    views = [
        _view(call, project)
        for project in call.world.projects.values()
        if not call.principal
        or access.allows(
            call.world,
            call.principal,
            "resourcemanager.projects.get",
            (f"projects/{project.project_id}",),
        )
    ]
    for key, value in words:
        views = [view for view in views if str(view.get(key, "")).startswith(value.rstrip("*"))]
    return page(call, "projects", views)


@API.post("projects/{project}:getIamPolicy", "resourcemanager.projects.getIamPolicy")
def get_policy(call: Call) -> Json:
    return policies.read(call, f"projects/{_found(call).project_id}")


@API.post("projects/{project}:setIamPolicy", "resourcemanager.projects.setIamPolicy")
def set_policy(call: Call) -> Json:
    policy = call.body.get("policy")
    if not isinstance(policy, dict):
        raise invalid("The request was missing the required field policy.")
    return policies.write(call, f"projects/{_found(call).project_id}", policy)


@API.post("projects/{project}:testIamPermissions")
def test_permissions(call: Call) -> Json:
    _found(call)
    asked = [str(permission) for permission in call.body.get("permissions", [])]
    if any("*" in item or item.count(".") < 2 for item in asked):
        raise invalid("Invalid permission.")
    for permission in asked:
        if permission in call.world.untestable:
            raise invalid(f"Permission {permission} is not valid for this resource.")
    return policies.permitted(call, asked)


@BILLING.get("projects/{project}/billingInfo", "resourcemanager.projects.get")
def billing_info(call: Call) -> Json:
    project = _found(call)
    account = "billingAccounts/012345-567890-ABCDEF" if project.billing else ""
    return {
        "name": f"projects/{project.project_id}/billingInfo",
        "projectId": project.project_id,
        "billingAccountName": account,
        "billingEnabled": project.billing,
    }


@COMPUTE.get("projects/{project}")
def compute_project(call: Call) -> Json:
    """Resolve a project's number, requested by the provider after an import of a bucket."""
    return {"kind": "compute#project", "name": call.project.project_id, "id": call.project.number}
