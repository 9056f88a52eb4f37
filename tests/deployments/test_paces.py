"""When a resource takes far too long."""

import pytest

from deployments.paces import is_overdue, usual_seconds


@pytest.mark.parametrize(
    "kind", ["google_secret_manager_secret", "google_service_account", "google_storage_bucket"]
)
def test_a_quick_resource_is_overdue_within_two_minutes(kind: str) -> None:
    """Terraform says how long it takes every 10 s, so the user reads it 10 s later at most."""
    assert not is_overdue(kind, 50)
    assert is_overdue(kind, 110)


def test_a_build_and_a_gateway_have_their_minutes() -> None:
    assert not is_overdue("google_cloudfunctions2_function", 280)
    assert is_overdue("google_cloudfunctions2_function", 300)
    assert not is_overdue("google_api_gateway_gateway", 470)


@pytest.mark.parametrize("kind", ["", "terraform_data", "google_x"])
def test_nothing_is_said_of_what_nobody_knows(kind: str) -> None:
    assert usual_seconds(kind) == 0
    assert not is_overdue(kind, 1e9)
