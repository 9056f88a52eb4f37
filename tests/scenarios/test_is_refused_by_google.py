"""Each refusal that can be told at once, through a whole deployment with the real provider.

Those that the provider repeats for minutes are told by `test_a_refusal_that_does_not_end…`; all of
them, as the provider words them, by `tests/google_stand_in/test_causes_of_corpus.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.anava_stack import Stack
from tests.support.stand_in.refusals import BUCKET, ENABLE, FUNCTION, PROJECT, rule
from tests.support.stand_in.serving import ServedStandIn

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

ACCOUNT = f"{PROJECT}/serviceAccounts([?]|$)"
MEMBERS = f"{PROJECT}:setIamPolicy"
VAULT = "^/secretmanager/.*secretId=anava-firebase-config"


ROBOT = "anava-tvm-sa@demo-proj.iam.gserviceaccount.com"


def of_robot(path: str, failure: str, times: int = 0) -> dict[str, object]:
    """A rule whose answers name the account of the token function."""
    return rule(path, failure, times=times, values={"email": ROBOT})


@dataclass(frozen=True)
class Refusal:
    """Failures by the calls that meet them, and the one cause that the user is told."""

    told: str
    answers: Mapping[str, str]

    @property
    def rules(self) -> list[dict[str, object]]:
        return [of_robot(path, failure) for path, failure in self.answers.items()]

    @property
    def types(self) -> set[str]:
        return {TYPES[path] for path in self.answers}


TYPES = {
    ENABLE: "google_project_service",
    ACCOUNT: "google_service_account",
    BUCKET: "google_storage_bucket",
    FUNCTION: "google_cloudfunctions2_function",
    VAULT: "google_secret_manager_secret",
}
# In the order in which the stack grows: what was made stays, and is not asked for again.
REFUSALS = {
    "no right to switch on": Refusal("permission_denied", {ENABLE: "permission_denied_enable"}),
    "no billing": Refusal("billing_disabled", {ENABLE: "billing_enable"}),
    "no rights": Refusal(
        "permission_denied",
        {
            ACCOUNT: "permission_denied",
            BUCKET: "permission_denied_storage",
            VAULT: "permission_denied",
        },
    ),
    "policies": Refusal(
        "policy_forbids",
        {
            ACCOUNT: "org_policy_service_account",
            BUCKET: "org_policy_storage",
            VAULT: "org_policy_service_account",
        },
    ),
    "behind a perimeter": Refusal(
        "perimeter_forbids", {ACCOUNT: "perimeter", BUCKET: "perimeter", VAULT: "perimeter"}
    ),
    "token ended": Refusal(
        "sign_in_expired",
        {ACCOUNT: "token_expired", BUCKET: "token_expired_storage", VAULT: "token_expired"},
    ),
    "another's bucket": Refusal("name_taken", {BUCKET: "bucket_taken"}),
    "may not act as": Refusal("permission_denied", {FUNCTION: "act_as_missing"}),
    "retired runtime": Refusal("runtime_retired", {FUNCTION: "runtime_retired"}),
    "broken build": Refusal("build_failed", {FUNCTION: "build_failed"}),
}
# What passes by itself: the deployment waits and plans anew.
PASSING = [
    of_robot(ACCOUNT, "api_disabled", 1),
    of_robot(MEMBERS, "member_missing", 1),
    of_robot(BUCKET, "api_disabled_storage", 1),
    of_robot(BUCKET, "billing_storage", 1),
    of_robot(VAULT, "api_disabled", 2),
]


def told(ended: dict[str, Any]) -> tuple[str, str, set[str], bool]:
    """Status, reason, types of the refused resources, and whether each is said how to mend it."""
    found = ended["result"]["errors"]
    types = {re.sub(r"[.].*", "", item["resource"]) for item in found if item["resource"]}
    helped = bool(found) and all(entry["message"] and entry["next_step"] for entry in found)
    return ended["status"], ended["reason"], types, helped


async def test_each_refusal_is_told_with_what_mends_it_and_nothing_is_lost(
    stack: Stack, google: ServedStandIn
) -> None:
    stack.house.worker()
    seen = {}
    for name, one in REFUSALS.items():
        google.control("PUT", "rules", {"rules": one.rules})
        ended = await stack.ended(await stack.start())
        seen[name] = (*told(ended), len(ended["result"]["seals"]))
    # Three logs: one init, one plan, one apply.
    assert seen == {
        name: ("failed", one.told, one.types, True, 3) for name, one in REFUSALS.items()
    }

    google.control("PUT", "rules", {"rules": []})
    assert (await stack.deploy())["reason"] == "applied"
    assert (await stack.deploy())["reason"] == "no_changes"


async def test_what_is_not_ready_yet_is_waited_for(stack: Stack, google: ServedStandIn) -> None:
    google.control("PUT", "rules", {"rules": PASSING})
    stack.house.worker()
    ended = await stack.ended(await stack.start())

    assert (ended["status"], ended["reason"]) == ("completed", "applied")
    assert len(ended["result"]["seals"]) > 3, "it planned and applied again"
    assert ended["result"]["errors"] == []
    assert (await stack.deploy())["reason"] == "no_changes"
