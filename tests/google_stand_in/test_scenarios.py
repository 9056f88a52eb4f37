"""What a scenario begins with: roles, quota project, late changes, failing builds, and its file."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from google_stand_in import access, scenario
from google_stand_in.answers import Json
from google_stand_in.app import StandIn
from google_stand_in.world import World
from tests.google_stand_in.caller import APIS, Google, reason
from tests.support.stand_in.endpoints import SERVICES as HOSTS

P = "projects/demo-proj"
OWNER, WORKER = "user:caller@example.com", "anava-worker"
RESOURCES = f"/cloudresourcemanager/v1/{P}"
SERVICES = f"/serviceusage/v1/{P}/services"
ACCOUNTS = f"/iam/v1/{P}/serviceAccounts"
REGION = f"{P}/locations/us-central1"
FUNCTIONS = f"/cloudfunctions/v2/{REGION}/functions"
GATEWAY = f"/apigateway/v1beta/{P}/locations/global/apis"
ALL = [f"{host}.googleapis.com" for host in {*HOSTS, *APIS}]


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    """The brand-new project, whose owner calls in the name of the project."""
    stand_in = StandIn(scenario=scenario.named("brand-new-project"))
    transport = httpx.ASGITransport(app=stand_in, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.headers["X-Goog-User-Project"] = "demo-proj"
        google = Google(client)
        await become(google, OWNER)
        yield google


async def become(google: Google, principal: str) -> None:
    google.token = (await google.control("POST", "mint", {"principal": principal}))["access_token"]


async def settled(google: Google) -> None:
    """Every API is enabled for long, roles and operations take no time."""
    await google.settings(operation_seconds=0, role_seconds=0, propagation_seconds=0)
    await google.project(enabled=ALL)


async def granted(google: Google, role: str, member: str) -> None:
    policy = await google.get(f"POST {RESOURCES}:getIamPolicy", {})
    bindings = [*policy.get("bindings", []), {"role": role, "members": [member]}]
    await google.get(f"POST {RESOURCES}:setIamPolicy", {"policy": {**policy, "bindings": bindings}})


async def permitted(google: Google, *permissions: str) -> list[str]:
    body = {"permissions": list(permissions)}
    answer = await google.get(f"POST {RESOURCES}:testIamPermissions", body)
    listed: list[str] = answer.get("permissions", [])
    return listed


async def test_an_owner_has_the_permissions_of_a_bucket_in_the_bucket_alone(google: Google) -> None:
    await settled(google)
    await google.get("POST /storage/v1/b?project=demo-proj", {"name": "buck"})
    names = ("storage.buckets.create", "storage.buckets.setIamPolicy", "storage.objects.get")
    query = "&".join(f"permissions={name}" for name in names)

    inside = await google.get(f"GET /storage/v1/b/buck/iam/testPermissions?{query}")

    assert await permitted(google, *names) == ["storage.buckets.create"]
    assert inside["permissions"] == list(names)
    assert (await google.get("GET /storage/v1/b/buck"))["name"] == "buck"


@pytest.mark.parametrize("prefix", ["iam.", "iam.googleapis.com/"])
async def test_both_names_of_a_workload_identity_permission_are_known(
    google: Google, prefix: str
) -> None:
    await settled(google)
    name = f"{prefix}workloadIdentityPools.create"

    assert await permitted(google, name) == [name]


async def test_a_permission_that_cannot_be_tested_refuses_the_whole_call(google: Google) -> None:
    await google.control("PUT", "scenario", {"access": "roles", "untestable": ["iam.pools.get"]})
    await become(google, OWNER)
    body = {"permissions": ["iam.roles.get", "iam.pools.get"]}

    status, error = await google.refused(f"POST {RESOURCES}:testIamPermissions", body)

    assert (status, "iam.pools.get" in error["message"]) == (400, True)


async def test_a_role_works_after_a_while_and_its_removal_at_once(google: Google) -> None:
    await settled(google)
    await google.settings(role_seconds=60)
    before = await google.get(f"POST {RESOURCES}:getIamPolicy", {})
    await granted(google, "roles/viewer", "user:new@example.com")
    await become(google, "user:new@example.com")
    google.client.headers.pop("X-Goog-User-Project")
    denied = (await google.refused(f"GET {RESOURCES}"))[1]
    await google.settings(skip_seconds=61)

    assert reason(denied) == "IAM_PERMISSION_DENIED"
    assert (await google.get(f"GET {RESOURCES}"))["projectId"] == "demo-proj"
    await become(google, OWNER)
    etag = (await google.get(f"POST {RESOURCES}:getIamPolicy", {}))["etag"]
    await google.get(f"POST {RESOURCES}:setIamPolicy", {"policy": {**before, "etag": etag}})
    await become(google, "user:new@example.com")
    assert (await google.refused(f"GET {RESOURCES}"))[0] == 403


async def test_a_custom_role_grants_what_it_lists(google: Google) -> None:
    await settled(google)
    role = {"roleId": "deployer", "role": {"includedPermissions": ["iam.serviceAccounts.list"]}}
    name = (await google.get(f"POST /iam/v1/{P}/roles", role))["name"]
    await granted(google, name, "user:new@example.com")
    await granted(google, "roles/serviceusage.serviceUsageConsumer", "user:new@example.com")
    await become(google, "user:new@example.com")

    assert await google.get(f"GET {ACCOUNTS}") == {"accounts": []}
    assert (await google.refused(f"POST {ACCOUNTS}", {"accountId": "anava-tvm"}))[0] == 403


async def test_an_account_made_again_has_lost_its_roles(google: Google) -> None:
    await settled(google)
    account = {"accountId": "anava-tvm"}
    mail = (await google.get(f"POST {ACCOUNTS}", account))["email"]
    await granted(google, "roles/viewer", f"serviceAccount:{mail}")
    await google.get(f"DELETE {ACCOUNTS}/{mail}")
    await google.get(f"POST {ACCOUNTS}", account)
    await become(google, f"serviceAccount:{mail}")
    google.client.headers.pop("X-Goog-User-Project")

    assert (await google.refused(f"GET {RESOURCES}"))[0] == 403


async def test_a_call_counts_against_the_project_that_it_names(google: Google) -> None:
    await settled(google)
    await google.project(enabled=[api for api in ALL if not api.startswith("cloudres")])
    _, ours = await google.refused(f"GET {RESOURCES}")
    google.client.headers.pop("X-Goog-User-Project")
    _, theirs = await google.refused(f"GET /firebase/v1beta1/{P}/webApps")

    consumers = [error["details"][-1]["metadata"]["consumer"] for error in (ours, theirs)]
    assert consumers == ["projects/123456789012", "projects/210987654321"]
    assert {reason(ours), reason(theirs)} == {"SERVICE_DISABLED"}
    assert (await google.get(f"GET {RESOURCES}"))["projectId"] == "demo-proj"


@pytest.mark.parametrize(
    ("project", "expected"), [(WORKER, "USER_PROJECT_DENIED"), ("\x7f" * 99, "CONSUMER_INVALID")]
)
async def test_a_quota_project_that_the_caller_may_not_use_is_refused(
    google: Google, project: str, expected: str
) -> None:
    google.client.headers["X-Goog-User-Project"] = project

    status, error = await google.refused(f"GET {SERVICES}")

    assert (status, reason(error)) == (403, expected)


async def test_a_project_made_moments_ago_cannot_enable_anything_yet(google: Google) -> None:
    young = {"known_after_seconds": 120}
    await google.control("PUT", "scenario", {"projects": [young]})
    await become(google, OWNER)
    enable = f"POST {SERVICES}/iam.googleapis.com:enable"
    _, error = await google.refused(enable, {})
    await google.settings(skip_seconds=121)

    assert reason(error) == "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED"
    assert (await google.get(enable, {}))["done"] is True


async def test_the_managed_service_of_a_gateway_is_known_after_a_while(google: Google) -> None:
    await settled(google)
    await google.settings(propagation_seconds=30)
    made = await google.get(f"POST {GATEWAY}?apiId=anava", {})
    enable = f"POST {SERVICES}/{made['response']['managedService']}:enable"
    _, error = await google.refused(enable, {})
    await google.settings(skip_seconds=31)

    assert reason(error) == "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED"
    await google.get(enable, {})


async def test_a_managed_service_is_enabled_by_who_may_bind_it(google: Google) -> None:
    await settled(google)
    made = await google.get(f"POST {GATEWAY}?apiId=anava", {})
    await google.settings(permissions=["serviceusage.services.enable"])
    enable = f"POST {SERVICES}/{made['response']['managedService']}:enable"

    assert reason((await google.refused(enable, {}))[1]) == "AUTH_PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("change", "call", "status", "text"),
    [
        ({"firebase_terms": False}, f"/firebase/v1beta1/{P}:addFirebase", 403, "The caller does"),
        (
            {"billing": False},
            f"/identitytoolkit/v2/{P}/identityPlatform:initializeAuth",
            400,
            "BILLING_NOT_ENABLED",
        ),
    ],
)
async def test_what_a_person_has_to_do_in_the_console_first(
    google: Google, change: Json, call: str, status: int, text: str
) -> None:
    await settled(google)
    await google.project(**change)

    found, error = await google.refused(f"POST {call}", {})

    assert (found, error["message"].startswith(text)) == (status, True)
    assert "details" not in error


async def test_members_outside_of_the_organisation_are_refused(google: Google) -> None:
    await settled(google)
    values = {"rules": [{"values": {"allowedValues": ["C01234567"]}}]}
    await google.project(org_policies={"iam.allowedPolicyMemberDomains": values})
    await google.get("POST /storage/v1/b?project=demo-proj", {"name": "buck"})
    everybody = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}

    bucket, old = await google.refused("PUT /storage/v1/b/buck/iam", everybody)
    project, new = await google.refused(f"POST {RESOURCES}:setIamPolicy", {"policy": everybody})

    assert (bucket, reason(old), project) == (412, "conditionNotMet", 400)
    assert all("permitted customer" in error["message"] for error in (old, new))
    await granted(google, "roles/viewer", "user:somebody@example.com")


async def with_source(google: Google) -> Json:
    """A function's body, whose source and build account exist."""
    await google.get(f"POST {ACCOUNTS}", {"accountId": "anava-build"})
    await google.get("POST /storage/v1/b?project=demo-proj", {"name": "buck"})
    await google.client.post(
        "/upload/storage/v1/b/buck/o?uploadType=media&name=source.zip",
        content=b"zip",
        headers={"Authorization": f"Bearer {google.token}"},
    )
    account = f"{P}/serviceAccounts/anava-build@demo-proj.iam.gserviceaccount.com"
    source = {"storageSource": {"bucket": "buck", "object": "source.zip"}}
    return {"buildConfig": {"serviceAccount": account, "source": source}}


async def test_a_build_whose_roles_are_late_leaves_a_failed_function(google: Google) -> None:
    await settled(google)
    body = await with_source(google)
    member = "serviceAccount:anava-build@demo-proj.iam.gserviceaccount.com"
    await google.settings(skip_seconds=120, role_seconds=60)
    for role in ("logging.logWriter", "artifactregistry.writer", "storage.objectViewer"):
        await granted(google, f"roles/{role}", member)
    made = await google.get(f"POST {FUNCTIONS}?functionId=tvm", body)
    function = await google.get(f"GET {FUNCTIONS}/tvm")

    assert (made["error"]["code"], "Access to bucket buck denied" in made["error"]["message"]) == (
        13,
        True,
    )
    assert (function["state"], "uri" in function["serviceConfig"]) == ("FAILED", False)
    assert (await google.refused(f"POST {FUNCTIONS}?functionId=tvm", body))[0] == 409
    await google.settings(skip_seconds=61)
    await google.get(f"DELETE {FUNCTIONS}/tvm")
    again = await google.get(f"POST {FUNCTIONS}?functionId=tvm", body)
    assert (again["response"]["state"], "uri" in again["response"]["serviceConfig"]) == (
        "ACTIVE",
        True,
    )


async def test_a_failed_function_is_healed_by_an_update_too(google: Google) -> None:
    await settled(google)
    body = await with_source(google)
    await google.get(f"POST {FUNCTIONS}?functionId=tvm", body)
    member = "serviceAccount:anava-build@demo-proj.iam.gserviceaccount.com"
    await granted(google, "roles/storage.objectViewer", member)
    denied = await google.get(f"PATCH {FUNCTIONS}/tvm", body)
    await granted(google, "roles/cloudbuild.builds.builder", member)

    assert "missing permission on the build service account" in denied["error"]["message"]
    healed = await google.get(f"PATCH {FUNCTIONS}/tvm", body)
    assert healed["response"]["state"] == "ACTIVE"
    assert "stateMessages" not in healed["response"]


async def test_the_agent_of_functions_reads_the_registry_after_a_while(google: Google) -> None:
    await settled(google)
    await google.settings(role_seconds=60)
    made = await google.get(f"POST {FUNCTIONS}?functionId=tvm", {})

    assert made["error"]["code"] == 7
    assert "us-central1/repositories/gcf-artifacts" in made["error"]["message"]


async def test_an_operation_takes_a_while_and_fails_and_leaves_what_it_made(google: Google) -> None:
    await settled(google)
    await google.get(f"POST {GATEWAY}?apiId=anava", {})
    await google.settings(operation_seconds=10)
    rule = {"path": "/configs", "method": "POST", "times": 1, "failure": "operation_denied"}
    await google.rules({**rule, "leaves_failed": True})
    document = {"openapiDocuments": [{"document": {"contents": "e30="}}]}
    started = await google.get(f"POST {GATEWAY}/anava/configs?apiConfigId=one", document)
    waiting = await google.get(f"GET {GATEWAY}/anava/configs/one")
    await google.settings(skip_seconds=11)
    ended = await google.get(f"GET /apigateway/v1beta/{started['name']}")

    assert ("done" in started, waiting["state"]) == (False, "CREATING")
    assert (ended["done"], ended["error"]["code"]) == (True, 7)
    assert (await google.get(f"GET {GATEWAY}/anava/configs/one"))["state"] == "FAILED"


async def test_a_reset_begins_the_same_scenario_again(google: Google) -> None:
    await google.control("POST", "reset")

    state = await google.control("GET", "state")

    assert set(state["projects"]) == {"demo-proj", WORKER}
    assert state["policies"][P]["bindings"][0]["role"] == "roles/owner"


async def test_a_caller_sees_the_projects_of_its_roles(google: Google) -> None:
    await settled(google)
    listed = await google.get("GET /cloudresourcemanager/v3/projects:search")

    assert [project["projectId"] for project in listed["projects"]] == ["demo-proj"]


HOSTILE: list[object] = [
    [],
    None,
    {"acces": "roles"},
    {"access": "all"},
    {"role_seconds": -1},
    {"role_seconds": float("nan")},
    {"role_seconds": True},
    {"operation_seconds": 1e300},
    {"credential_project": "nobody"},
    {"untestable": [1]},
    {"projects": []},
    {"projects": [{}, {}]},
    {"projects": ["demo-proj"]},
    {"projects": [{"project_id": "../etc"}]},
    {"projects": [{"number": "١٢٣٤٥٦٧"}]},
    {"projects": [{"roles": {"roles/owner": "user:a@example.com"}}]},
    {"projects": [{"roles": {"roles/owner": [1]}}]},
    {"projects": [{"billing": "no"}]},
    {"projects": [{"org_policies": {"gcp.resourceLocations": 1}}]},
    {"rules": [{"path": "("}]},
    {"rules": [{"path": "x", "leaves_failed": True, "failure": "internal"}]},
    {"rules": {}},
]


@pytest.mark.parametrize("content", HOSTILE, ids=str)
def test_a_scenario_that_is_none_is_refused_with_the_cause(content: object) -> None:
    with pytest.raises(ValueError, match=r"\w+ .*\w"):
        scenario.parsed(content)


def test_a_file_that_is_no_scenario_is_refused_with_the_cause(tmp_path: Path) -> None:
    for content in (b"", b"\xff", b"[" * 100_000, b" " * 1_000_001):
        path = tmp_path / "scenario.json"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r".+"):
            scenario.read(path)
    with pytest.raises(ValueError, match="there are brand-new-project, everything-allowed"):
        scenario.named("../app")


def test_every_file_of_a_scenario_says_what_it_is() -> None:
    for path in scenario.SCENARIOS.glob("*.json"):
        assert scenario.read(path).description.endswith(".")


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_the_clock_goes_forward_alone(seconds: float) -> None:
    world = World()
    before = world.now()
    with pytest.raises(ValueError, match="seconds"):
        world.clock.advance(seconds)
    world.clock.advance(60)

    assert world.now() >= before + 60


def test_the_lists_of_roles_are_googles() -> None:
    roles = access.predefined()

    assert "storage.objects.get" not in roles["roles/owner"]
    assert "resourcemanager.projects.setIamPolicy" in roles["roles/owner"] - roles["roles/editor"]
    assert {"storage.buckets.get", "storage.buckets.setIamPolicy"} <= roles[
        "roles/storage.legacyBucketOwner"
    ]
