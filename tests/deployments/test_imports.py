"""What a plan would create is looked for by Google's name and imported by terraform's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.imports import (
    Import,
    PlannedCreation,
    import_file,
    planned_creations,
    replaced_addresses,
    resource_lookup,
    unusable_resources,
)

POOL = "projects/demo-proj/locations/global/workloadIdentityPools/devices-anava"
GATEWAYS = "projects/demo-proj/locations"

# Ids that the provider took in a run (facts of provider 7.45.0).
KNOWN = [
    (
        "google_service_account",
        {"account_id": "anava-tvm-sa"},
        "iam",
        "projects/demo-proj/serviceAccounts/anava-tvm-sa@demo-proj.iam.gserviceaccount.com",
    ),
    (
        "google_iam_workload_identity_pool",
        {"workload_identity_pool_id": "devices-anava"},
        "iam",
        POOL,
    ),
    (
        "google_iam_workload_identity_pool_provider",
        {
            "workload_identity_pool_id": "devices-anava",
            "workload_identity_pool_provider_id": "firebase",
        },
        "iam",
        f"{POOL}/providers/firebase",
    ),
    (
        "google_secret_manager_secret",
        {"secret_id": "anava-key"},
        "secretmanager",
        "projects/demo-proj/secrets/anava-key",
    ),
    (
        "google_apikeys_key",
        {"name": "anava-gateway-key"},
        "apikeys",
        "projects/demo-proj/locations/global/keys/anava-gateway-key",
    ),
    (
        "google_firestore_database",
        {"name": "(default)"},
        "firestore",
        "projects/demo-proj/databases/(default)",
    ),
    (
        "google_firebase_storage_bucket",
        {"bucket_id": "demo-proj-anava-firebase"},
        "firebasestorage",
        "projects/demo-proj/buckets/demo-proj-anava-firebase",
    ),
    (
        "google_firebaserules_release",
        {"name": "firebase.storage/demo-proj-anava-firebase"},
        "firebaserules",
        "projects/demo-proj/releases/firebase.storage/demo-proj-anava-firebase",
    ),
    (
        "google_project_iam_custom_role",
        {"role_id": "anava_device"},
        "iam",
        "projects/demo-proj/roles/anava_device",
    ),
    ("google_identity_platform_config", {}, "identitytoolkit", "projects/demo-proj/config"),
    ("google_firebase_project", {}, "firebase", "projects/demo-proj"),
    (
        "google_cloudfunctions2_function",
        {"location": "us-central1", "name": "anava-tvm-fn"},
        "cloudfunctions",
        f"{GATEWAYS}/us-central1/functions/anava-tvm-fn",
    ),
    (
        "google_api_gateway_api",
        {"api_id": "anava-api"},
        "apigateway",
        f"{GATEWAYS}/global/apis/anava-api",
    ),
    (
        "google_api_gateway_api_config",
        {"api": "anava-api", "api_config_id": "config-1"},
        "apigateway",
        f"{GATEWAYS}/global/apis/anava-api/configs/config-1",
    ),
    (
        "google_api_gateway_gateway",
        {"region": "us-central1", "gateway_id": "anava-gateway"},
        "apigateway",
        f"{GATEWAYS}/us-central1/gateways/anava-gateway",
    ),
]


def creation(kind: str, **values: object) -> PlannedCreation:
    return PlannedCreation(f"{kind}.x", kind, values)


@pytest.mark.parametrize(("kind", "values", "service", "id"), KNOWN)
def test_each_type_has_its_name_at_google_and_its_id(
    kind: str, values: dict[str, object], service: str, id: str
) -> None:
    found = resource_lookup(creation(kind, **values), "demo-proj")

    assert found is not None
    assert (found.service, found.id) == (service, id)
    assert found.path.partition("/")[2] == id


def test_a_bucket_is_looked_for_in_all_the_world() -> None:
    found = resource_lookup(creation("google_storage_bucket", name="b"), "demo-proj")
    assert found is not None
    assert (found.path, found.id) == ("storage/v1/b/b", "demo-proj/b")


@pytest.mark.parametrize(
    "kind",
    [
        "google_project_iam_member",
        "google_project_service",
        "google_storage_bucket_object",
        "google_secret_manager_secret_version",
        "terraform_data",
    ],
)
def test_what_the_provider_takes_over_itself_is_not_looked_for(kind: str) -> None:
    assert resource_lookup(creation(kind, name="x", role="y"), "demo-proj") is None


@pytest.mark.parametrize("name", [None, "", 7, ["x"], {}])
def test_a_name_that_is_not_known_yet_is_not_looked_for(name: object) -> None:
    assert resource_lookup(creation("google_storage_bucket", name=name), "demo-proj") is None
    assert (
        resource_lookup(creation("google_secret_manager_secret", secret_id=name), "demo-proj")
        is None
    )


@given(st.text(min_size=1))
def test_no_name_gets_out_of_its_place_in_the_path(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    found = resource_lookup(creation("google_secret_manager_secret", secret_id=name), "demo-proj")
    assert found is not None
    before, _, last = found.path.rpartition("/")
    assert before == "v1/projects/demo-proj/secrets"
    assert not set("?#/ \n") & set(last)


PLAN = {
    "resource_changes": [
        {
            "address": 'google_service_account.this["tvm"]',
            "mode": "managed",
            "type": "google_service_account",
            "change": {"actions": ["create"], "after": {"account_id": "anava-tvm-sa"}},
        },
        {
            "address": "google_storage_bucket.old",
            "mode": "managed",
            "type": "google_storage_bucket",
            "change": {"actions": ["no-op"], "after": {"name": "b"}},
        },
        {
            "address": "google_storage_bucket.kept",
            "mode": "managed",
            "type": "google_storage_bucket",
            "change": {"actions": ["update"], "importing": {"id": "p/b"}, "after": {}},
        },
        {
            "address": "google_firestore_database.lost",
            "mode": "managed",
            "type": "google_firestore_database",
            "change": {"actions": ["delete", "create"], "importing": {"id": "p"}, "after": {}},
        },
        {
            "address": "google_secret_manager_secret.replaced",
            "mode": "managed",
            "type": "google_secret_manager_secret",
            "change": {"actions": ["create", "delete"], "after": {}},
        },
        {
            "address": "data.google_project.this",
            "mode": "data",
            "type": "google_project",
            "change": {"actions": ["create"], "after": {}},
        },
    ]
}


def test_only_what_is_created_is_looked_for() -> None:
    (found,) = planned_creations(json.dumps(PLAN).encode())
    assert found.address == 'google_service_account.this["tvm"]'
    assert found.text("account_id") == "anava-tvm-sa"
    assert planned_creations(b"{}") == []


def test_an_import_that_would_destroy_is_seen() -> None:
    assert replaced_addresses(json.dumps(PLAN).encode()) == ["google_firestore_database.lost"]


def test_import_blocks_hold_literal_ids() -> None:
    text = import_file([Import('a.b["c"]', '${file("/etc/passwd")} %{if true}')])
    assert json.loads(text) == {
        "import": [{"to": 'a.b["c"]', "id": '$${file("/etc/passwd")} %%{if true}'}]
    }


def changed(kind: str, actions: list[str], reason: str = "", **before: object) -> dict[str, object]:
    change = {"actions": actions, "before": before, "after": {}}
    return {
        "address": f"{kind}.x",
        "mode": "managed",
        "type": kind,
        "change": change,
        "action_reason": reason,
    }


FUNCTION, TAINTED = "google_cloudfunctions2_function", "replace_because_tainted"


@pytest.mark.parametrize(
    ("change", "is_unusable"),
    [
        (changed(FUNCTION, ["create", "delete"], TAINTED, name="f"), True),
        (changed("google_service_account", ["create", "delete"], TAINTED), True),
        # Terraform deletes it first, by itself.
        (changed(FUNCTION, ["delete", "create"], TAINTED), False),
        (changed(FUNCTION, ["create", "delete"], "replace_because_cannot_update"), False),
        (changed("google_project_service", ["create", "delete"], TAINTED), False),
        (changed("google_firebase_project", ["create", "delete"], TAINTED), False),
        (changed(FUNCTION, ["no-op"], state="FAILED", service_config=[{"uri": ""}]), True),
        (changed(FUNCTION, ["no-op"], state="FAILED", service_config=None), True),
        (changed(FUNCTION, ["update"], state="FAILED", service_config="no block"), True),
        # The last good revision still answers.
        (changed(FUNCTION, ["no-op"], state="FAILED", service_config=[{"uri": "https"}]), False),
        (changed(FUNCTION, ["no-op"], state="ACTIVE", service_config=[{"uri": ""}]), False),
        (changed(FUNCTION, ["delete"], state="FAILED", service_config=[]), False),
    ],
)
def test_what_an_apply_does_not_make_usable_is_found(
    change: dict[str, object], is_unusable: bool
) -> None:
    unusable = unusable_resources(json.dumps({"resource_changes": [change]}).encode())

    assert [item.address for item in unusable] == ([change["address"]] if is_unusable else [])
    assert unusable_resources(b"{}") == []
