"""What terraform replaces by creating first: nothing whose name is taken until it is deleted."""

import re

import pytest

from tests.support.real_provider import ANAVA
from tests.terraform.hcl_files import bodies, texts

TEMPLATE = bodies(ANAVA)
RESOURCES = {body.label: body.content for body in TEMPLATE if body.keyword == "resource"}
LOCALS = {
    name: value
    for body in TEMPLATE
    if body.keyword == "locals"
    for name, value in body.content.items()
}


def _references(value: object, seen: frozenset[str] = frozenset()) -> set[str]:
    """Labels of the resources that a value refers to, also through locals."""
    labels: set[str] = set()
    for text in texts(value):
        labels |= set(re.findall(r"\b(?:google|terraform)_\w+\.\w+", text)) & RESOURCES.keys()
        for name in set(re.findall(r"\blocal\.(\w+)", text)) - seen:
            labels |= _references(LOCALS[name], seen | {name})
    return labels


def _needed(label: str) -> set[str]:
    """Whatever a resource waits for, over any number of references."""
    labels: set[str] = set()
    queue = [label]
    while queue:
        fresh = _references(RESOURCES[queue.pop()]) - labels
        labels |= fresh
        queue += fresh
    return labels


def _created_first() -> set[str]:
    """Terraform gives create_before_destroy to everything that such a resource depends on."""
    found: set[str] = set()
    queue = [label for label, body in RESOURCES.items() if "create_before_destroy" in str(body)]
    while queue:
        label = queue.pop()
        if label not in found:
            found.add(label)
            queue += _references(RESOURCES[label])
    return found


def test_a_function_of_a_failed_build_is_deleted_before_it_is_created_again() -> None:
    """The gateway's config read the function's address: creation came first, and ended in 409."""
    assert "google_api_gateway_api_config.this" in _created_first()
    assert _created_first() == {
        "google_api_gateway_api.this",
        "google_api_gateway_api_config.this",
        "google_firebase_project.this",
        "google_firebaserules_ruleset.firestore",
        "google_firebaserules_ruleset.storage",
        "google_project_service.first",
        "google_project_service.this",
        "google_service_account.this",
        "terraform_data.apis",
    }


def test_the_source_of_a_function_is_never_replaced_only_joined_by_another() -> None:
    """A stack of 0.1.0 could not be upgraded at all: "Cycle"."""
    source = RESOURCES["google_storage_bucket_object.functions"]
    assert source["name"] == "${each.key}"
    assert "filesha256(archive)" in str(LOCALS["sources"])


def test_the_functions_wait_for_the_roles_of_their_build() -> None:
    (wait,) = RESOURCES["google_cloudfunctions2_function.this"]["depends_on"]
    assert _references(wait) == {"terraform_data.roles"}
    assert "google_project_iam_member.this" in _references(RESOURCES["terraform_data.roles"])


def test_whatever_waits_for_the_apis_waits_until_they_take_effect() -> None:
    """An API that was enabled a moment ago refuses calls for a while."""
    direct = {
        label
        for label, body in RESOURCES.items()
        if "google_project_service.this" in _references(body)
    }
    assert direct == {"terraform_data.apis"}


@pytest.mark.parametrize(
    ("wait", "needed"),
    [
        ("apis", {"google_project_service.first", "google_project_service.this"}),
        ("gateway_api", {"google_api_gateway_api.this"}),
        ("roles", {"google_project_iam_member.this"}),
    ],
)
def test_a_wait_is_repeated_with_what_it_waits_for(wait: str, needed: set[str]) -> None:
    """A role that was taken away and granted again was not waited for: its name was the trigger."""
    trigger = RESOURCES[f"terraform_data.{wait}"]["triggers_replace"]
    assert {*re.findall(r"\bgoogle_\w+\.\w+", str(trigger))} == needed


def test_the_condition_on_a_claim_waits_for_the_functions_that_set_the_claim() -> None:
    """In an upgrade no device would get a token until the functions have their new code."""
    provider = RESOURCES["google_iam_workload_identity_pool_provider.firebase"]
    assert "google_cloudfunctions2_function.this" in _references(provider["depends_on"])


def test_no_rules_are_deleted_before_a_build_and_created_behind_it() -> None:
    """Terraform deletes a replaced release at once, and creates it behind all that it waits for."""
    releases = [label for label in RESOURCES if label.startswith("google_firebaserules_release.")]
    needed = {release: _needed(release) for release in releases}
    assert len(needed) == 2
    assert [r for r in releases if "google_cloudfunctions2_function.this" in needed[r]] == []


def test_the_address_of_a_function_fits_into_a_dns_label() -> None:
    """Longer names have no deterministic address: Cloud Run's limit is 63 characters."""
    longest_prefix, project_number = "p" * 15, "1" * 12
    assert len(f"{longest_prefix}-device-auth-fn-{project_number}") <= 63


def test_settings_of_an_imported_authentication_and_database_stay() -> None:
    """The import switched off the sign-in methods of other apps, and a database's backups."""
    authentication = RESOURCES["google_identity_platform_config.this"]
    database = RESOURCES["google_firestore_database.this"]
    assert "ignore_changes" in str(authentication["lifecycle"])
    assert "${all}" in list(texts(authentication["lifecycle"]))
    assert "point_in_time_recovery_enablement" in str(database["lifecycle"])


def test_the_first_apis_do_not_count_against_a_project_in_which_they_are_off() -> None:
    first = RESOURCES["google_project_service.first"]
    assert "google.first" in str(first["provider"])
    assert _references(first) == set()
    assert "google_project_service.first" in _references(RESOURCES["google_project_service.this"])
