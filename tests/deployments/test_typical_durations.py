"""When a resource takes far too long, by what is known and by what was seen."""

import pytest

from deployments.step import Resource, ResourceStatus
from deployments.typical_durations import TypicalDurations

DONE = ResourceStatus.DONE
FUNCTION = "google_cloudfunctions2_function"


def took(
    *seconds: float,
    address: str = f"{FUNCTION}.auth",
    action: str = "create",
    status: ResourceStatus = DONE,
) -> TypicalDurations:
    made = [Resource(address, action, status, elapsed_seconds=second) for second in seconds]
    return TypicalDurations.from_resources(made)


@pytest.mark.parametrize(
    "kind", ["google_secret_manager_secret", "google_service_account", "google_storage_bucket"]
)
def test_a_quick_resource_is_overdue_within_two_minutes(kind: str) -> None:
    """Terraform says how long it takes every 10 s, so the user reads it 10 s later at most."""
    assert not TypicalDurations().is_overdue(kind, "create", 50)
    assert TypicalDurations().is_overdue(kind, "create", 110)


def test_a_build_and_a_gateway_have_their_minutes() -> None:
    assert not TypicalDurations().is_overdue(FUNCTION, "create", 280)
    assert TypicalDurations().is_overdue(FUNCTION, "create", 300)
    assert not TypicalDurations().is_overdue("google_api_gateway_gateway", "create", 470)


@pytest.mark.parametrize("kind", ["", "terraform_data", "google_x"])
def test_nothing_is_said_of_what_nobody_knows(kind: str) -> None:
    assert TypicalDurations().typical_seconds(kind, "create") == 0
    assert not TypicalDurations().is_overdue(kind, "create", 1e9)


def test_what_was_seen_takes_the_place_of_what_was_known() -> None:
    seen = took(70, 80, 1000)

    assert seen.typical_seconds(FUNCTION, "create") == 80
    assert seen.is_overdue(FUNCTION, "create", 160)
    assert not seen.is_overdue(FUNCTION, "create", 159)
    assert seen.typical_seconds(FUNCTION, "delete") == 150, "known, and not seen"


def test_two_have_shown_nothing_yet() -> None:
    assert took(20, 20).typical_seconds(FUNCTION, "create") == 150


def test_what_takes_no_second_is_known_all_the_same() -> None:
    assert took(0, 0, 0).typical_seconds(FUNCTION, "create") == 1


def test_the_sandbox_is_never_refused_by_google() -> None:
    seen = took(1, 1, 1, address='terraform_data.edge["edge-1"]')

    assert seen.typical_seconds("terraform_data", "create") == 1
    assert not seen.is_overdue("terraform_data", "create", 1e9)


@pytest.mark.parametrize(
    "address",
    [
        f"{FUNCTION}.auth",
        f"{FUNCTION}.auth[0]",
        f'{FUNCTION}.auth["a.b"]',
        f'module.backend.module.x["y.z"].{FUNCTION}.auth["]"]',
    ],
)
def test_a_type_is_read_from_its_address(address: str) -> None:
    assert took(5, 5, 5, address=address).seen == {(FUNCTION, "create"): 5}


@pytest.mark.parametrize(
    "address", ["", "x", "[secret]", f"{FUNCTION}.", "a.b.c", "../..", "\0.\0", "A.b" * 9000]
)
def test_an_address_that_is_none_says_nothing(address: str) -> None:
    assert not took(5, 5, 5, address=address).seen


@pytest.mark.parametrize("seconds", [-1, 1e308, float("inf"), float("nan")])
def test_an_impossible_time_says_nothing(seconds: float) -> None:
    assert not took(seconds, seconds, seconds).seen


@pytest.mark.parametrize(
    "status", [resource_status for resource_status in ResourceStatus if resource_status is not DONE]
)
def test_what_was_not_done_says_nothing(status: ResourceStatus) -> None:
    assert not took(5, 5, 5, status=status).seen


@pytest.mark.parametrize("action", ["import", "move", "remove", "replace", "read", ""])
def test_what_terraform_does_not_time_says_nothing(action: str) -> None:
    assert not took(5, 5, 5, action=action).seen
