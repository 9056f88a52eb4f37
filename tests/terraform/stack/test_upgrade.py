"""A stack of the release 0.1.0 is planned and applied with the template of today."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from google_stand_in.answers import Json
from tests.support.real_provider import ANAVA, VERSION, Template
from tests.support.stand_in.provider import served
from tests.terraform.stack.applied import Stack
from tests.terraform.stack.earlier import EARLIER, REMOVED

# Two applies of the whole stack.
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]

# What holds a customer's data, or is in the configuration of cameras in the field: no upgrade
# deletes or replaces it.
HELD = {
    "google_apikeys_key",
    "google_api_gateway_api",
    "google_api_gateway_gateway",
    "google_cloudfunctions2_function",
    "google_firebase_project",
    "google_firebase_storage_bucket",
    "google_firebase_web_app",
    "google_firestore_database",
    "google_iam_workload_identity_pool",
    "google_iam_workload_identity_pool_provider",
    "google_identity_platform_config",
    "google_project_service",
    "google_secret_manager_secret",
    "google_secret_manager_secret_version",
    "google_service_account",
    "google_storage_bucket",
}
FUNCTIONS = ("device-auth", "tvm")
SOURCE = 'google_storage_bucket_object.functions["source-'
MOVED = {
    f'google_project_service.first["{name}.googleapis.com"]': (
        f'google_project_service.this["{name}.googleapis.com"]'
    )
    for name in ("cloudresourcemanager", "serviceusage")
}


class Upgrade:
    """A stack of the earlier release, and the plan of today's template for it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        stack.template.copy(ANAVA)
        self.plan = stack.template.plan()
        self.changes: dict[str, list[str]] = {
            change["address"]: change["change"]["actions"]
            for change in self.plan["resource_changes"]
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def calls_of_apply(self) -> list[str]:
        """The calls of an apply that change something, in their order."""
        before = len(self.stack.google.asked())
        self.stack.template.run("apply", "-no-color", "-input=false", "plan.tfplan")
        return [_call(asked) for asked in self.stack.google.asked()[before:]]


def _call(asked: Json) -> str:
    return f"{asked['method']} {asked['path']}"


def earlier_template(folder: Path) -> Path:
    """The earlier release, with other code in its functions."""
    shutil.copytree(EARLIER, folder)
    shutil.copytree(ANAVA / "functions", folder / "functions")
    for main in folder.glob("functions/*/main.py"):
        main.write_text(main.read_text() + "\n# the code of the earlier release\n")
    return folder


@pytest.fixture(scope="module")
def upgrade(provider: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    folder = tmp_path_factory.mktemp("upgrade")
    with served(folder) as google:
        template = Template(folder, google.port, earlier_template(folder / "earlier"))
        template.run("init", "-input=false")
        template.set()
        stack = Stack(template, google)
        stack.apply()
        yield Upgrade(stack)


def test_no_upgrade_deletes_what_holds_data_or_is_in_a_cameras_configuration(
    upgrade: Upgrade,
) -> None:
    deleted = {address for address, actions in upgrade.changes.items() if "delete" in actions}

    assert {address for address in deleted if address.split(".")[0] in HELD} == set()


def test_an_upgrade_deletes_the_roles_of_devices_and_replaces_what_is_named_by_its_content(
    upgrade: Upgrade,
) -> None:
    deleted = {a for a, actions in upgrade.changes.items() if actions == ["delete"]}
    sources = {f'google_storage_bucket_object.functions["{name}"]' for name in FUNCTIONS}
    replaced = {a for a, actions in upgrade.changes.items() if len(actions) == 2}

    assert deleted == REMOVED | sources
    # The provider has no update of a release.
    assert replaced == {
        "google_api_gateway_api_config.this",
        "google_firebaserules_release.firestore",
        "google_firebaserules_release.storage",
        "google_firebaserules_ruleset.firestore",
        "google_firebaserules_ruleset.storage",
    }


def test_an_upgrade_creates_the_waits_and_the_role_of_devices(upgrade: Upgrade) -> None:
    created = {a for a, actions in upgrade.changes.items() if actions == ["create"]}
    sources = {address for address in created if address.startswith(SOURCE)}

    assert len(sources) == len(FUNCTIONS)
    assert created - sources == {
        "google_project_iam_custom_role.device",
        "google_project_iam_member.device",
        "terraform_data.apis",
        "terraform_data.gateway_api",
        "terraform_data.roles",
    }


def test_an_upgrade_updates_in_place_what_has_another_setting(upgrade: Upgrade) -> None:
    assert {a for a, actions in upgrade.changes.items() if actions == ["update"]} == {
        "google_api_gateway_gateway.this",
        'google_cloudfunctions2_function.this["device-auth"]',
        'google_cloudfunctions2_function.this["tvm"]',
        "google_iam_workload_identity_pool_provider.firebase",
    }


def test_a_resource_with_another_address_is_moved(upgrade: Upgrade) -> None:
    assert {
        change["address"]: change["previous_address"]
        for change in upgrade.plan["resource_changes"]
        if "previous_address" in change
    } == MOVED


def test_zz_the_condition_on_a_claim_follows_the_functions_that_set_the_claim(
    upgrade: Upgrade,
) -> None:
    """Last: it applies the upgrade."""
    calls = upgrade.calls_of_apply()

    functions = [i for i, call in enumerate(calls) if call.startswith("PATCH /cloudfunctions/")]
    (condition,) = (
        i
        for i, call in enumerate(calls)
        if call.startswith("PATCH ") and "/providers/firebase" in call
    )
    assert len(functions) == len(FUNCTIONS)
    assert max(functions) < condition
    state = json.loads(upgrade.stack.template.run("output", "-json"))
    assert state["template_version"]["value"] == VERSION
    assert upgrade.stack.template.changes() == {}
