"""What Google refuses on a new project, through whole deployments with the real provider.

The texts of further refusals are in `tests/deployments/test_refusals_of_new_projects.py`; those of
a project that has been in use in `test_is_refused_by_google.py`.
"""

import re
from typing import Any

import pytest

from tests.support.anava_stack import Stack
from tests.support.stand_in.refusals import BUCKET, CONFIG, ENABLE, FUNCTION, PROJECT, rule
from tests.support.stand_in.serving import ServedStandIn

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

GATEWAYS_SERVICE = f"{PROJECT}/services/[^/]+[.]cloud[.]goog:enable"


def denied(permission: str) -> dict[str, str]:
    return {"permission": permission, "services": "a.cloud.goog"}


# The refusals of each deployment: type of the resource, cause, and the answer to which call.
REFUSALS = (
    {
        ("google_firebase_project", "firebase_terms"): rule(
            f"{PROJECT}:addFirebase", "firebase_terms"
        ),
        ("google_storage_bucket", "policy_forbids"): rule(BUCKET, "permitted_customer_storage"),
        ("google_service_account_iam_member", "policy_forbids"): rule(
            "/serviceAccounts/[^/]+:setIamPolicy", "permitted_customer"
        ),
    },
    {
        ("google_project_service", "permission_denied"): rule(
            GATEWAYS_SERVICE,
            "permission_denied",
            values=denied("servicemanagement.services.bind"),
        ),
        ("google_identity_platform_config", "billing_disabled"): rule(
            f"{PROJECT}/identityPlatform:initializeAuth", "billing_identity"
        ),
        ("google_secret_manager_secret_version", "permission_denied"): rule(
            "/secrets/[^/]+/versions/[^/]+:enable",
            "permission_denied",
            values=denied("secretmanager.versions.enable"),
        ),
    },
    # In the plan, which reads the pool.
    {
        ("google_iam_workload_identity_pool", "permission_denied"): rule(
            ":listAttestationRules",
            "permission_denied",
            method="GET",
            values=denied("iam.workloadIdentityPools.getAttestationRules"),
        ),
    },
)
WAITS = [
    rule(ENABLE, "service_config_not_found", times=1),
    rule(GATEWAYS_SERVICE, "service_config_not_found", times=1),
    rule(FUNCTION, "gcf_artifacts", times=1, leaves_failed=True),
    rule(FUNCTION, "build_denied", nth=3, times=1, leaves_failed=True),
    rule(CONFIG, "operation_denied", times=1, leaves_failed=True),
]


def refusals_of(ended: dict[str, Any]) -> set[tuple[str, str]]:
    """The type of each refused resource, and the cause."""
    errors = ended["result"]["errors"]
    assert all(error["message"] and error["next_step"] and error["actor"] for error in errors)
    return {(re.sub(r"[.].*", "", error["resource"]), error["cause"]) for error in errors}


async def test_each_refusal_of_a_new_project_has_its_cause_and_the_next_deployment_completes(
    stack: Stack, google: ServedStandIn
) -> None:
    stack.house.worker()
    for refusals in REFUSALS:
        google.control("PUT", "rules", {"rules": list(refusals.values())})
        ended = await stack.ended(await stack.start())
        assert ended["status"] == "failed"
        assert refusals_of(ended) == set(refusals), ended["result"]["errors"]
    google.control("PUT", "rules", {"rules": []})
    assert (await stack.deploy())["reason"] == "applied"
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_what_a_new_project_refuses_for_minutes_ends_no_deployment(
    stack: Stack, google: ServedStandIn
) -> None:
    google.control("PUT", "rules", {"rules": WAITS})
    stack.house.worker()
    whole = await stack.deploy()
    assert whole["reason"] == "applied"
    assert [error for error in whole["result"]["errors"] if error["severity"] == "blocking"] == []
    state = google.control("GET", "state")["resources"]
    assert {kind: len(state[kind]) for kind in ("functions", "configs")} == {
        "functions": 2,
        "configs": 1,
    }
    assert (await stack.deploy())["reason"] == "no_changes"
