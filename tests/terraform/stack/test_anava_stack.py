"""The Anava stack on the stand-in: what a customer's project holds, and what a destroy leaves."""

import json
from typing import Any

import pytest

from tests.support.provider_calls import unlisted
from tests.support.real_provider import PROJECT
from tests.terraform.anava_contract import CONTRACT_APIS, OUTPUTS, SENSITIVE
from tests.terraform.stack.applied import Stack

# A whole apply takes a minute of the provider's own pauses on a machine with nothing else to do.
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

NUMBER = "123456789012"
RUN = f"projects/{PROJECT}/locations/us-central1/services"
ACCOUNTS = f"projects/{PROJECT}/serviceAccounts"


def outputs(stack: Stack) -> dict[str, Any]:
    shown = json.loads(stack.template.run("output", "-json"))
    return {name: one["value"] for name, one in shown.items()}


def account(name: str) -> str:
    return f"anava-{name}-sa"


def test_a_second_plan_finds_nothing_to_do(stack: Stack) -> None:
    stack.template.run("plan", "-detailed-exitcode", "-input=false", expected=0)


def test_every_call_of_the_provider_is_in_the_table_of_calls_and_permissions(stack: Stack) -> None:
    assert stack.google.asked()
    assert unlisted(stack.google.asked()) == set()


def test_every_output_of_the_contract_has_a_value(stack: Stack) -> None:
    values = outputs(stack)

    assert set(values) == OUTPUTS
    assert [name for name, value in values.items() if not value] == []
    assert set(values["firebase_config"]) == {
        *("projectId", "apiKey", "authDomain", "storageBucket"),
        *("databaseURL", "appId", "messagingSenderId"),
    }
    assert [name for name, value in values["firebase_config"].items() if not value] == []
    assert values["workload_identity_provider"] == (
        f"projects/{NUMBER}/locations/global/workloadIdentityPools/devices-anava/providers/firebase"
    )


def test_the_apis_of_the_contract_and_the_gateways_own_are_enabled(stack: Stack) -> None:
    enabled = set(stack.world()["projects"][PROJECT]["enabled"])
    (api,) = stack.world()["resources"]["apis"].values()

    assert CONTRACT_APIS | {api["managedService"]} <= enabled


def test_each_identity_has_its_roles_and_no_other(stack: Stack) -> None:
    assert stack.roles("projects", PROJECT) == {
        (account("device-auth"), "roles/logging.logWriter"),
        (account("tvm"), "roles/logging.logWriter"),
        (account("api-gateway"), "roles/logging.logWriter"),
        (account("vertex-ai"), f"projects/{PROJECT}/roles/anava_device"),
        (account("build"), "roles/logging.logWriter"),
        (account("build"), "roles/artifactregistry.writer"),
        (account("build"), "roles/storage.objectViewer"),
    }
    # Google's own policy of a new bucket names the project's owners, editors and viewers.
    assert {holder for holder, _ in stack.roles(f"{PROJECT}-anava-firebase")} == {PROJECT}
    for name in ("device-auth", "tvm"):
        assert stack.roles(ACCOUNTS, f"{account(name)}@{PROJECT}.iam.gserviceaccount.com") == {
            (account(name), "roles/iam.serviceAccountTokenCreator")
        }


def test_a_prediction_is_all_that_the_token_of_a_device_opens(stack: Stack) -> None:
    (role,) = stack.world()["resources"]["roles"].values()

    assert role["includedPermissions"] == ["aiplatform.endpoints.predict"]


def test_the_gateway_calls_the_deterministic_addresses(stack: Stack) -> None:
    host = f"{NUMBER}.us-central1.run.app"

    assert outputs(stack)["tvm_function_url"] == f"https://anava-tvm-fn-{host}"
    assert outputs(stack)["device_auth_function_url"] == f"https://anava-device-auth-fn-{host}"


def test_only_the_gateway_invokes_the_functions(stack: Stack) -> None:
    for function in ("anava-device-auth-fn", "anava-tvm-fn"):
        assert stack.roles(RUN, function) == {(account("api-gateway"), "roles/run.invoker")}


def test_devices_act_as_vertex_ai_through_a_provider_that_takes_this_project_only(
    stack: Stack,
) -> None:
    (provider,) = stack.world()["resources"]["providers"].values()
    vertex = f"{ACCOUNTS}/{account('vertex-ai')}@{PROJECT}.iam.gserviceaccount.com"
    (binding,) = stack.world()["policies"][vertex]["bindings"]

    assert provider["oidc"] == {
        "issuerUri": f"https://securetoken.google.com/{PROJECT}",
        "allowedAudiences": [PROJECT],
    }
    assert provider["attributeCondition"].startswith(f'assertion.aud == "{PROJECT}" && ')
    assert binding == {
        "role": "roles/iam.workloadIdentityUser",
        "members": [
            f"principalSet://iam.googleapis.com/projects/{NUMBER}"
            "/locations/global/workloadIdentityPools/devices-anava/*"
        ],
    }


def test_the_functions_know_where_to_exchange_and_what_to_act_as(stack: Stack) -> None:
    functions = stack.world()["resources"]["functions"]
    environment = {
        name.rpartition("/")[2]: one["serviceConfig"]["environmentVariables"]
        for name, one in functions.items()
    }

    assert (
        environment["anava-tvm-fn"].items()
        >= {
            "WIF_PROJECT_NUMBER": NUMBER,
            "WIF_POOL_ID": "devices-anava",
            "WIF_PROVIDER_ID": "firebase",
            "TARGET_SERVICE_ACCOUNT_EMAIL": outputs(stack)["vertex_ai_service_account_email"],
        }.items()
    )
    assert environment["anava-device-auth-fn"]["SERVICE_ACCOUNT_EMAIL"].startswith(
        account("device-auth")
    )


def test_the_key_opens_this_gateway_and_nothing_else(stack: Stack) -> None:
    (key,) = stack.world()["resources"]["keys"].values()
    (api,) = stack.world()["resources"]["apis"].values()

    targets = [api_target["service"] for api_target in key["restrictions"]["apiTargets"]]
    assert targets == [api["managedService"]]
    assert key["keyString"] == outputs(stack)["api_key"]


def test_the_rules_are_in_force(stack: Stack) -> None:
    releases = stack.world()["resources"]["releases"]
    named = {name.partition("/releases/")[2]: one["rulesetName"] for name, one in releases.items()}

    assert set(named) == {"cloud.firestore/anava", f"firebase.storage/{PROJECT}-anava-firebase"}
    assert set(named.values()) == set(stack.world()["resources"]["rulesets"])


def test_the_texts_of_secrets_are_in_neither_plan_nor_state_of_their_versions(
    stack: Stack,
) -> None:
    state = json.loads(stack.template.run("show", "-json"))
    versions = [
        resource["values"]
        for resource in state["values"]["root_module"]["resources"]
        if resource["type"] == "google_secret_manager_secret_version"
    ]
    key = outputs(stack)["firebase_config"]["apiKey"]

    assert len(versions) == 2
    assert key not in json.dumps(versions)


def test_the_sensitive_outputs_are_in_no_line_that_terraform_prints(stack: Stack) -> None:
    printed = stack.template.run("output") + stack.template.run("plan", "-input=false")

    values = outputs(stack)
    assert set(values) >= SENSITIVE
    assert values["api_key"] not in printed
    assert values["firebase_config"]["apiKey"] not in printed


def test_other_code_changes_the_function_and_nothing_else(stack: Stack) -> None:
    main = stack.template.work / "functions" / "device-auth" / "main.py"
    before = main.read_text()
    main.write_text(before + "\n# another line\n")
    try:
        stack.template.pack()
        changed = stack.template.changes()
    finally:
        main.write_text(before)
        stack.template.pack()

    function = 'google_cloudfunctions2_function.this["device-auth"]'
    sources = {address: actions for address, actions in changed.items() if address != function}
    assert changed[function] == ["update"]
    assert sorted(sources.values()) == [["create"], ["delete"]]
    assert all(
        address.startswith('google_storage_bucket_object.functions["source-device-auth-')
        for address in sources
    )


def test_a_role_that_was_taken_away_is_granted_and_waited_for_again(stack: Stack) -> None:
    """The build would begin at once: the wait knew the names of the roles alone."""
    policy = stack.world()["policies"][f"projects/{PROJECT}"]
    without = [
        item for item in policy["bindings"] if item["role"] != "roles/artifactregistry.writer"
    ]
    path = f"/cloudresourcemanager/v1/projects/{PROJECT}:setIamPolicy"
    stack.google.preload((path, {"policy": {**policy, "bindings": without}}))

    changed = stack.template.changes()
    stack.google.preload((path, {"policy": {**policy, "etag": ""}}))

    assert changed == {
        'google_project_iam_member.this["build artifactregistry.writer"]': ["create"],
        "terraform_data.roles": ["delete", "create"],
    }


def test_an_origin_changes_one_bucket_and_other_locations_move_no_data(stack: Stack) -> None:
    """Camera data would have been replaced by nothing, or the apply have ended in 409."""
    stack.template.set(
        allowed_origins=["https://console.example.com"],
        storage_location="EU",
        firestore_location="eur3",
    )
    changed = stack.template.changes()
    stack.template.set()

    assert changed == {"google_storage_bucket.firebase": ["update"]}


def test_zz_a_destroy_keeps_camera_data_and_the_next_deployment_imports_it(stack: Stack) -> None:
    """Last: it ends the stack that the other tests look at."""
    stack.template.run("destroy", "-auto-approve", "-input=false")

    assert stack.names("databases") == {"anava"}
    assert stack.names("buckets") == stack.names("firebaseBuckets") == {f"{PROJECT}-anava-firebase"}
    for kind in ("functions", "apis", "gateways", "secrets", "serviceAccounts", "releases"):
        assert stack.names(kind) == set(), kind
    assert set(stack.world()["projects"][PROJECT]["enabled"]) >= CONTRACT_APIS
    assert stack.roles("projects", PROJECT) == set()

    # The pool's and the key's ids are Google's for 30 days.
    stack.template.set(pool_suffix="2", key_suffix="2", destroy_customer_data=True)
    stack.write_imports()
    plan = stack.apply()
    imported = {
        resource_change["address"]
        for resource_change in plan["resource_changes"]
        if "importing" in resource_change["change"]
    }
    assert len(imported) == 4
    stack.remove_imports()
    assert stack.template.changes() == {}
    assert "devices-anava-2" in outputs(stack)["workload_identity_provider"]

    stack.template.run("destroy", "-auto-approve", "-input=false")
    for kind in ("databases", "buckets", "firebaseBuckets"):
        assert stack.names(kind) == set(), kind
    assert unlisted(stack.google.asked()) == set()
