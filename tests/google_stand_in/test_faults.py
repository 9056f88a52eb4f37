"""Faults by rule, what was asked, and the stand-in's own door."""

import hashlib
import json
import re
import time

import pytest

from google_stand_in.answers import Json
from google_stand_in.failures import FAILURES, render
from tests.google_stand_in.caller import Google

P = "projects/demo-proj"
SECRETS = f"/secretmanager/v1/{P}/secrets"
WORDS = {
    "project": "demo-proj",
    "number": "123456789012",
    "service": "secretmanager.googleapis.com",
    "services": "run.googleapis.com",
    "title": "Secret Manager API",
    "permission": "secretmanager.secrets.create",
    "resource": "projects/demo-proj/secrets",
    "name": "key",
    "method": "CreateSecret",
    "principal": "a@example.com",
    "email": "b@example.com",
    "location": "us",
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_has_one_of_the_documented_shapes(name: str) -> None:
    failure, answer = FAILURES[name], render(name, WORDS)
    content = answer.content
    assert isinstance(content, dict)
    error = content["error"]

    assert "{" not in re.sub(r'[{}]"|": \{|\[\{|\}\]|\}, \{|[{}]', "", error["message"])
    assert error["code"] == failure.code
    if failure.operation:
        assert (answer.status, content["done"]) == (200, True)
    elif failure.old:
        assert [set(item) for item in error["errors"]] == [{"message", "domain", "reason"}]
        assert "status" not in error
    else:
        assert error["status"]
        for detail in error.get("details", []):
            assert detail["@type"].startswith("type.googleapis.com/google.rpc.")


async def test_a_rule_fires_from_one_call_on_so_many_times(google: Google) -> None:
    rule = {"method": "GET", "path": "/secrets", "nth": 2, "times": 2, "failure": "unavailable"}
    await google.rules(rule)

    statuses = [(await google.ask(f"GET {SECRETS}")).status_code for _ in range(5)]

    assert statuses == [200, 503, 503, 200, 200]


async def test_a_rule_without_a_number_fires_for_good_and_only_where_it_matches(
    google: Google,
) -> None:
    rule = {"method": "POST", "path": r"secretId=one(&|$)", "failure": "quota_exceeded"}
    await google.rules(rule)

    for _ in range(3):
        assert (await google.refused(f"POST {SECRETS}?secretId=one", {}))[0] == 429
    await google.get(f"POST {SECRETS}?secretId=two", {})


async def test_a_failure_names_what_the_call_is_about(google: Google) -> None:
    await google.rules({"path": "/secrets", "failure": "api_disabled"})
    status, error = await google.refused(f"GET {SECRETS}")

    assert status == 403
    assert error["message"].startswith("Secret Manager API has not been used in project 1234567890")
    info = error["details"][-1]
    assert (info["reason"], info["metadata"]["consumer"]) == (
        "SERVICE_DISABLED",
        "projects/123456789012",
    )


async def test_a_rule_can_say_more_words_or_bring_its_own_body(google: Google) -> None:
    said = {"path": "/one$", "failure": "act_as_missing", "values": {"email": "x@y.z"}}
    own = {"path": "/two$", "status": 418, "body": {"error": {"message": "teapot"}}}
    await google.rules(said, own)

    _, error = await google.refused(f"GET {SECRETS}/one")
    status, body = await google.refused(f"GET {SECRETS}/two")

    assert "on service account x@y.z." in error["message"]
    assert (status, body) == (418, {"message": "teapot"})


async def test_a_rule_can_only_hold_a_call_back(google: Google) -> None:
    await google.rules({"path": "/secrets", "times": 1, "delay_seconds": 0.3})
    began = time.monotonic()
    assert await google.get(f"GET {SECRETS}") == {"secrets": []}
    held = time.monotonic() - began

    assert held >= 0.3


async def test_a_failed_operation_is_an_answer_that_is_done(google: Google) -> None:
    await google.rules({"method": "POST", "path": "/functions", "failure": "build_failed"})
    path = f"/cloudfunctions/v2/{P}/locations/us-central1/functions?functionId=fn"
    found = await google.get(f"POST {path}", {})

    assert (found["done"], found["error"]["code"]) == (True, 3)
    assert (await google.control("GET", "state"))["counts"].get("functions", 0) == 0


@pytest.mark.parametrize(
    "rules",
    [
        "text",
        {},
        [1],
        [{}],
        [{"path": 1}],
        [{"path": "("}],
        [{"path": "x", "failure": "no_such"}],
        [{"path": "x", "status": 99}],
        [{"path": "x", "nth": True}],
        [{"path": "x", "times": "2"}],
        [{"path": "x", "shell": "rm"}],
    ],
)
async def test_rules_that_are_none_are_refused_and_change_nothing(
    google: Google, rules: object
) -> None:
    await google.rules({"path": "/secrets", "failure": "unavailable"})
    refused = await google.client.put("/_control/rules", json={"rules": rules})

    assert refused.status_code == 400
    assert refused.json()["error"]
    assert (await google.refused(f"GET {SECRETS}"))[0] == 503


async def test_what_was_asked_is_kept_without_the_token(google: Google) -> None:
    await google.get(f"GET {SECRETS}?pageSize=1")
    google.token, known = "", google.token
    await google.refused(f"GET {SECRETS}")
    log = await google.control("GET", "log")

    fingerprint = hashlib.sha256(known.encode()).hexdigest()[:12]
    seen = [
        (request["method"], request["path"], request["token"], request["status"])
        for request in log["requests"]
    ]
    assert seen == [("GET", SECRETS, fingerprint, 200), ("GET", SECRETS, "", 401)]
    assert known not in json.dumps(log)
    assert all(item["seconds"] >= 0 and item["at"] > 0 for item in log["requests"])


async def test_what_is_there_can_be_laid_down_beforehand(google: Google) -> None:
    await google.project(enabled=[])
    calls = [
        {"path": f"/secretmanager/v1/{P}/secrets?secretId=key"},
        {"path": f"/iam/v1/{P}/serviceAccounts", "body": {"accountId": "anava-tvm-sa"}},
    ]
    await google.control("POST", "preload", {"calls": calls})
    state = await google.control("GET", "state")

    assert (state["counts"]["secrets"], state["counts"]["serviceAccounts"]) == (1, 1)
    assert (await google.control("GET", "log"))["requests"] == []


async def test_a_reset_takes_everything_away_but_the_project(google: Google) -> None:
    await google.get(f"POST {SECRETS}?secretId=key", {})
    await google.rules({"path": "/", "failure": "internal"})
    await google.control("POST", "reset")

    state = await google.control("GET", "state")
    assert (list(state["projects"]), state["resources"]) == (["demo-proj"], {})
    assert (await google.refused(f"GET {SECRETS}"))[0] == 401  # its tokens are gone, too


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("PUT /_control/settings", {"colour": "blue"}),
        ("PUT /_control/settings", {"operation_seconds": "soon"}),
        ("PUT /_control/settings", []),
        ("POST /_control/mint", {"seconds": "x"}),
        ("POST /_control/revoke", {}),
        ("POST /_control/project", {}),
        ("POST /_control/project", {"project_id": "new-without-number"}),
        ("POST /_control/preload", {"calls": [{"path": "/iam"}]}),
        ("POST /_control/preload", {"calls": [{"path": "/iam/v1/none"}]}),
        ("POST /_control/preload", {"calls": [{"path": f"/iam/v1/{P}/serviceAccounts"}]}),
    ],
)
async def test_the_door_says_what_is_wrong(google: Google, asked: str, body: Json) -> None:
    method, _, path = asked.partition(" ")
    answer = await google.client.request(method, path, json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_the_door_lists_what_it_has(google: Google) -> None:
    answer = await google.client.get("/_control/nothing")

    assert answer.status_code == 404
    assert "GET /_control/state" in answer.json()["error"]
