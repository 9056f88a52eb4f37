"""The whole Anava stack: real terraform and provider, real Temporal, a stand-in for Google."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.credentials import PLANTED, assert_hidden, assert_in_no_file, assert_masked
from tests.support.anava_stack import Stack
from tests.support.demonstration import as_example, demonstrate
from tests.support.invariants import check_invariants
from tests.support.real_provider import ACAP_CONFIG, NO_MIRROR, mirror
from tests.support.servers import TemporalServer, eventually
from tests.support.service import SHORT, Deployment
from tests.support.stand_in.serving import ServedStandIn

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

# What the template makes, counted with the real provider.
RESOURCES = 70
# Soft-deleted for 30 days, or kept since it is the customer's or Google has no way back.
LEFT = {
    "buckets",
    "databases",
    "firebaseBuckets",
    "firebaseProjects",
    "identityConfigs",
    "keys",
    "providers",
    "roles",
    "workloadIdentityPools",
}
REFUSED = 'google_secret_manager_secret.this["firebase-config"]'
# Until terraform is gone, and as long again for the rest.
STOP_SECONDS = 2 * SHORT.ladder.grace_seconds + SHORT.ladder.kill_seconds
ROBOT = "deployer@demo-proj.iam.gserviceaccount.com"


def assert_complete(config: dict[str, Any]) -> None:
    """What cameras need, with the gateway and the web app that were made."""
    values = {**config["firebase"], **config["googleAI"]}
    assert [name for name, value in values.items() if not value] == []
    assert ".gateway.dev" in values["apiGatewayUrl"]
    assert values["projectId"] == values["gcpProjectId"] == "demo-proj"
    assert values["appId"].startswith("1:123456789012:web:")
    assert values["webApiKey"] != values["apiGatewayKey"]


async def test_it_is_deployed_left_alone_destroyed_and_deployed_again(stack: Stack) -> None:
    stack.house.worker()
    first = await stack.deploy()
    assert first["reason"] == "applied"
    counts = first["result"]["counts"]
    assert counts == first["result"]["planned"]
    assert (counts["add"], counts["change"], counts["remove"], counts["imported"]) == (
        RESOURCES,
        0,
        0,
        0,
    )
    there = stack.there()
    second = await stack.deploy()
    assert second["reason"] == "no_changes"
    for item in (first, second):
        assert_complete(await stack.front.json(f"{item['links']['self']}/acap-config"))

    gone = await stack.destroy()
    assert (gone["reason"], gone["result"]["counts"]["remove"]) == ("destroyed", RESOURCES)
    left = stack.there()
    assert set(left) == LEFT
    assert all(set(names) <= set(there[kind]) for kind, names in left.items())
    assert all(
        stack.is_deleted(kind) for kind in ("keys", "providers", "roles", "workloadIdentityPools")
    )

    again = await stack.deploy()
    assert again["result"]["counts"]["imported"] == len(LEFT)
    assert {kind: len(names) for kind, names in stack.there().items()} == {
        kind: len(names) for kind, names in there.items()
    }
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_what_exists_is_imported_when_the_state_is_lost(stack: Stack) -> None:
    stack.house.worker()
    await stack.deploy()
    there, members = stack.there(), stack.members()
    await stack.lose_state()
    whole = await stack.deploy()
    assert whole["result"]["counts"]["imported"] > 20
    assert whole["result"]["counts"]["remove"] == 0
    assert (stack.there(), stack.members()) == (there, members)
    assert (await stack.deploy())["reason"] == "no_changes"

    await stack.lose_state()
    stack.lose_half()
    half = await stack.deploy()
    assert half["result"]["counts"]["remove"] == 0
    assert stack.there() == there
    assert not stack.is_deleted("workloadIdentityPools")
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_a_failed_function_is_deleted_made_again_and_named_in_the_result(
    stack: Stack, google: ServedStandIn
) -> None:
    """The deletion was reported nowhere."""
    google.project(enabled=["cloudfunctions.googleapis.com"])
    google.control("PUT", "settings", {"role_seconds": 600})
    functions = "/cloudfunctions/v2/projects/demo-proj/locations/us-central1/functions"
    left = {"labels": {"app": "anava"}, "serviceConfig": {}}
    google.preload((f"{functions}?functionId=anava-tvm-fn", left))
    google.control("PUT", "settings", {"role_seconds": 0})
    stack.house.worker()
    ended = await stack.deploy()

    assert (ended["reason"], ended["result"]["counts"]["add"]) == ("applied", RESOURCES)
    (note,) = ended["result"]["errors"]
    assert (note["cause"], note["severity"], note["effect"]) == (
        "resource_deleted",
        "note",
        "harmless",
    )
    assert "anava-tvm-fn" in note["message"]
    assert note["resource"].startswith("google_cloudfunctions2_function.")
    assert (await stack.deploy())["reason"] == "no_changes"


def assert_in_one_file_alone(stack: Stack, deployment: Deployment) -> None:
    """While terraform applies, its token is in no process, plan, state or log.

    The folder `secrets` has what the log hides.
    """
    assert_masked(deployment)
    mine, known = deployment.file(3, "credential.json"), deployment.folder / "secrets"
    assert PLANTED in mine.read_text()
    assert_in_no_file(
        path
        for path in stack.house.data.rglob("*")
        if path != mine and not path.is_relative_to(known)
    )
    plan = zipfile.ZipFile(deployment.folder / "work" / "plan.tfplan")
    for member in plan.namelist():
        assert_hidden(plan.read(member), f"{member} of the plan")


async def test_a_worker_dies_in_an_apply_with_tokens_of_seconds(
    stack: Stack, google: ServedStandIn, temporal: TemporalServer
) -> None:
    account = {"accountId": "deployer", "serviceAccount": {}}
    google.preload(("/iam/v1/projects/demo-proj/serviceAccounts", account))
    stack.house.settings |= {
        "ANAVA_GOOGLE__IMPERSONATE": ROBOT,
        "ANAVA_GOOGLE__TOKEN_SECONDS": "20",
    }
    worker = stack.house.worker()
    path = await stack.start()
    deployment = stack.seen(path)
    await deployment.until_text(3, "apply_complete")
    worker.kill()
    assert_in_one_file_alone(stack, deployment)
    stack.house.worker()
    await deployment.until_file(3, "claim.2.json")
    assert_masked(deployment)

    ended = await stack.ended(path)
    assert (ended["status"], ended["result"]["counts"]["add"]) == ("completed", RESOURCES)
    assert [ended["result"][kind] for kind in ("not_applied", "unrecorded", "unknown")] == [
        [],
        [],
        [],
    ]
    assert set((await deployment.attempts()).values()) == {1}
    asked = google.asked()
    mints = [entry for entry in asked if ":generateAccessToken" in entry["path"]]
    assert len(mints) >= 5, "a token for each of three steps, and again in the apply"
    assert [element for element in asked if element["status"] == 401] == []
    await check_invariants(stack.house, deployment)
    assert (await stack.deploy())["reason"] == "no_changes"
    for item in stack.house.workers:
        item.end()
    assert_in_no_file(stack.house.data.rglob("*"))
    assert_in_no_file(temporal.files())


async def test_a_refusal_that_does_not_end_is_said_and_can_be_cancelled(
    stack: Stack, google: ServedStandIn
) -> None:
    creating = "^/secretmanager/.*secretId=anava-firebase-config"
    rule = {"method": "POST", "path": creating, "failure": "rate_limited"}
    google.control("PUT", "rules", {"rules": [rule]})
    stack.house.worker()
    path = await stack.start()
    deployment = stack.seen(path)
    await deployment.until_text(3, "apply_start", 120)
    said = json.dumps(f"{REFUSED}: Still creating... [1m0s elapsed]")
    await eventually(lambda: said in deployment.file(3, "spool").read_text(), "a minute", 110)

    async def told() -> bool:
        return bool((await stack.front.json(path))["reason"] == "keeps_failing")

    await eventually(told, "that Google keeps refusing", 60)
    progress = await stack.front.json(f"{path}/resources")
    assert REFUSED in [resource["address"] for resource in progress["items"] if resource["overdue"]]

    answer = await stack.front.session.post(f"{path}/cancel", json={"reason": "too many calls"})
    assert answer.status_code == 202, answer.text
    # The provider goes on trying after a first interrupt; only the end of the grace ends that.
    ended = await stack.front.ended(path, STOP_SECONDS)
    assert (ended["status"], ended["reason"]) == ("needs_attention", "outcome_unknown")
    assert ended["result"]["unknown"] == [REFUSED], "Google may have made it all the same"
    assert ended["cancel_requested"]
    await check_invariants(stack.house, deployment)

    google.control("PUT", "rules", {"rules": []})
    await stack.deploy()
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_without_an_account_it_is_deployed_by_anava_up(tmp_path: Path) -> None:
    place = mirror()
    if place is None:
        pytest.skip(NO_MIRROR)
    ended, config = await demonstrate(tmp_path, place)

    assert (ended["status"], ended["result"]["counts"]["add"]) == ("completed", RESOURCES)
    assert as_example(config) == ACAP_CONFIG.read_text(), "run `make examples`"
    assert (tmp_path / "stand-in" / "stacks").is_dir()
    assert not (tmp_path / "stacks").exists()
