"""orgpolicy v2: the organisation's constraints on a project."""

from google_stand_in.answers import Json, not_found
from google_stand_in.routing import Call, Routes, page
from google_stand_in.world import Project

API = Routes("orgpolicy")
ROUTES = (API,)

ORGANIZATION_DOMAIN = "example.com"


def enforced(project: Project, constraint: str) -> bool:
    """Whether a boolean constraint is enforced."""
    rules = project.org_policies.get(constraint, {}).get("rules", [])
    return any(rule.get("enforce") for rule in rules)


def limits_members(project: Project) -> bool:
    """Whether iam.allowedPolicyMemberDomains has a list of customers."""
    rules = project.org_policies.get("iam.allowedPolicyMemberDomains", {}).get("rules", [])
    return any(rule.get("values", {}).get("allowedValues") for rule in rules)


def location_allowed(project: Project, location: str) -> bool:
    """Whether gcp.resourceLocations allows a location; `in:eu-locations` matches by prefix."""
    rules = project.org_policies.get("gcp.resourceLocations", {}).get("rules", [])
    allowed = [
        allowed_value
        for rule in rules
        for allowed_value in rule.get("values", {}).get("allowedValues", [])
    ]
    groups = {item.removeprefix("in:").removesuffix("-locations") for item in allowed}
    place = location.lower()
    return not groups or any(place == group or place.startswith(f"{group}-") for group in groups)


def _view(call: Call, constraint: str, spec: Json) -> Json:
    return {"name": f"{call.numbered}policies/{constraint}", "spec": spec}


@API.get("projects/{project}/policies", "orgpolicy.policies.list")
def list_policies(call: Call) -> Json:
    found = call.project.org_policies
    return page(call, "policies", [_view(call, one, spec) for one, spec in found.items()])


@API.get("projects/{project}/policies/{constraint}", "orgpolicy.policy.get")
def get_policy(call: Call) -> Json:
    constraint = call.params["constraint"]
    spec = call.project.org_policies.get(constraint)
    if spec is None:
        raise not_found(f"{call.numbered}policies/{constraint}")
    return _view(call, constraint, spec)


@API.get("projects/{project}/policies/{constraint}:getEffectivePolicy", "orgpolicy.policy.get")
def get_effective(call: Call) -> Json:
    """The effective policy; the default forbids nothing."""
    constraint = call.params["constraint"]
    boolean = constraint.startswith(("iam.", "storage."))
    default = {"rules": [{"enforce": False} if boolean else {"allowAll": True}]}
    return _view(call, constraint, call.project.org_policies.get(constraint, default))
