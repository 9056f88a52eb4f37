"""What a deployment left broken at Google is repaired by the next, and nothing is doubled."""

import json
from typing import Any

import pytest

from google_stand_in import scenario
from tests.support.anava_stack import Stack
from tests.support.stand_in.refusals import CONFIG, FUNCTION, PROJECT, rule
from tests.support.stand_in.serving import ServedStandIn

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

# Sign-in that another app of the project set up, and who may use it.
THEIRS = {
    "signIn": {
        "email": {"enabled": True, "passwordRequired": True},
        "phoneNumber": {"enabled": True},
    },
    "authorizedDomains": ["localhost", "shop.example.com"],
    "mfa": {"state": "ENABLED"},
}


def failed_at_google(google: ServedStandIn) -> set[str]:
    kinds: dict[str, Any] = google.control("GET", "state")["resources"]
    return {
        name
        for resources in kinds.values()
        for name, resource in resources.items()
        if resource.get("state") == "FAILED"
    }


@pytest.mark.parametrize("state", ["present", "lost"])
async def test_a_failed_function_and_a_failed_config_are_made_again(
    stack: Stack, google: ServedStandIn, state: str
) -> None:
    """The function was imported, or created beside itself and refused for ever."""
    stack.house.worker()
    rules = [
        rule(FUNCTION, "build_failed", leaves_failed=True),
        rule(CONFIG, "operation_denied", leaves_failed=True),
    ]
    google.control("PUT", "rules", {"rules": rules})
    ended = await stack.ended(await stack.start())
    google.control("PUT", "rules", {"rules": []})
    causes = {item["cause"] for item in ended["result"]["errors"]}
    assert (ended["status"], causes) == ("failed", {"build_failed", "build_roles_missing"})
    left = [name.split("/")[-2] for name in failed_at_google(google)]
    assert sorted(left) == ["configs", "functions", "functions"]
    if state == "lost":
        await stack.lose_state()

    whole = await stack.deploy()
    assert whole["reason"] == "applied"
    assert failed_at_google(google) == set()
    there = stack.there()
    assert (len(there["functions"]), len(there["configs"])) == (2, 1)
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_a_lost_state_is_found_again_though_the_services_own_project_has_no_api(
    stack: Stack, google: ServedStandIn
) -> None:
    """SERVICE_DISABLED of the service's own project was read as the absence of the resource."""
    content = json.loads((scenario.SCENARIOS / "brand-new-project.json").read_text())
    google.control("PUT", "scenario", content | dict.fromkeys(scenario.DURATIONS[:3], 0))
    stack.house.worker()
    assert (await stack.deploy())["reason"] == "applied"
    only = ["cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com"]
    google.control("POST", "project", {"project_id": "anava-worker", "enabled": only})
    there, members = stack.there(), stack.members()
    await stack.lose_state()
    again = await stack.deploy()
    assert again["result"]["counts"]["imported"] > 20
    assert (stack.there(), stack.members()) == (there, members)
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_a_shared_project_keeps_what_other_apps_set_up(
    stack: Stack, google: ServedStandIn
) -> None:
    """An import switched off the sign-in methods of the customer's own apps."""
    identity = f"/identitytoolkit/v2{PROJECT}"
    google.preload((f"{identity}/identityPlatform:initializeAuth", {}))
    google.preload(
        (f"{identity}/config?updateMask=signIn,authorizedDomains,mfa", THEIRS), method="PATCH"
    )
    google.preload(("/storage/v1/b?project=demo-proj", {"name": "shop-of-the-customer"}))
    before = google.control("GET", "state")["resources"]
    stack.house.worker()
    assert (await stack.deploy())["reason"] == "applied"
    assert (await stack.deploy())["reason"] == "no_changes"
    assert (await stack.destroy())["reason"] == "destroyed"
    after = google.control("GET", "state")["resources"]
    assert after["identityConfigs"] == before["identityConfigs"]
    assert set(before["buckets"]) <= set(after["buckets"])
