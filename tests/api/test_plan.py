"""The plan over HTTP: what happens to what, why, and nothing that is hidden."""

import json
from typing import Any

import httpx
import pytest

from api.dependencies import Services
from deployments.artifacts import LEFT_OUT, PLAN_JSON, left_out_content


def entry(address: str, *actions: str, **fields: Any) -> dict[str, Any]:
    change: dict[str, Any] = {
        "actions": list(actions),
        "before": None,
        "after": None,
        "after_unknown": {},
    }
    own = ("action_reason", "previous_address")
    outside = {name: value for name, value in fields.items() if name in own}
    inside = {name: value for name, value in fields.items() if name not in own}
    return {"address": address, **outside, "change": {**change, **inside}}


PLAN = {
    "format_version": "1.2",
    "terraform_version": "1.11.4",
    "resource_changes": [
        entry(
            "x.new",
            "create",
            after={"name": "n", "key": "(sensitive)", "tags": ["a", None]},
            after_unknown={
                "id": True,
                "tags": [False, True],
                "name": False,
                "nested": {"ip": True},
            },
        ),
        entry("x.same", "no-op", before={"name": "n"}, after={"name": "n"}),
        entry(
            "x.moved",
            "no-op",
            before={"name": "n"},
            after={"name": "n"},
            previous_address="x.before",
        ),
        entry("x.found", "no-op", importing={"id": "i-1"}),
        entry("x.other", "update", before={"size": 1}, after={"size": 2}),
        entry("x.kept", "update", importing={"id": "i-2"}, before={"a": 1}, after={"a": 2}),
        entry(
            "x.again",
            "delete",
            "create",
            action_reason="replace_because_cannot_update",
            replace_paths=[["zone"], ["disk", 0, "size"]],
            before={"zone": "a"},
            after={"zone": "b"},
        ),
        entry("x.ahead", "create", "delete", before={}, after={}),
        entry("x.gone", "delete", action_reason="delete_because_no_resource_config", before={}),
        entry("x.forgotten", "forget", before={}),
        entry("data.x.read", "read", after_unknown=True),
    ],
    "output_changes": {
        "url": {"actions": ["create"], "before": None, "after_unknown": True},
        "key": {"actions": ["update"], "before": "(sensitive)", "after": "(sensitive)"},
    },
}


@pytest.fixture
async def deployment(api: httpx.AsyncClient) -> str:
    answer = await api.post("/api/deploy", json={"template": "sandbox", "project_id": "customer-1"})
    return str(answer.json()["id"])


@pytest.fixture
async def plan(api: httpx.AsyncClient, services: Services, deployment: str) -> dict[str, Any]:
    await services.artifacts.put(deployment, PLAN_JSON, [json.dumps(PLAN).encode()])
    answer = await api.get(f"/api/deployment/{deployment}/plan")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def change(plan: dict[str, Any], address: str) -> dict[str, Any]:
    return next(change for change in plan["changes"] if change["address"] == address)


async def test_before_there_is_a_plan_it_is_not_ready(
    api: httpx.AsyncClient, deployment: str
) -> None:
    answer = await api.get(f"/api/deployment/{deployment}/plan")
    assert (answer.status_code, answer.json()["code"]) == (404, "plan_not_ready")
    assert answer.json()["next_step"]


async def test_each_change_has_one_word(plan: dict[str, Any]) -> None:
    words = {change["address"]: change["action"] for change in plan["changes"]}
    assert words == {
        "x.new": "create",
        "x.same": "no-op",
        "x.moved": "no-op",
        "x.found": "import",
        "x.other": "update",
        "x.kept": "update",
        "x.again": "replace",
        "x.ahead": "replace",
        "x.gone": "delete",
        "x.forgotten": "forget",
        "data.x.read": "read",
    }
    assert plan["counts"] == {
        "create": 1,
        "no-op": 2,
        "import": 1,
        "update": 2,
        "replace": 2,
        "delete": 1,
        "forget": 1,
        "read": 1,
    }


async def test_what_is_lost_is_named_with_its_reason(plan: dict[str, Any]) -> None:
    assert plan["destroyed"] == ["x.gone"]
    assert plan["replaced"] == ["x.again", "x.ahead"]
    again = change(plan, "x.again")
    assert again["actions"] == ["delete", "create"]
    assert again["reason"] == "replace_because_cannot_update"
    assert again["replace_paths"] == ["zone", "disk[0].size"]
    assert (again["before"], again["after"]) == ({"zone": "a"}, {"zone": "b"})
    assert change(plan, "x.gone")["reason"] == "delete_because_no_resource_config"
    assert change(plan, "x.moved")["previous_address"] == "x.before"
    assert change(plan, "x.found")["import_id"] == "i-1"


async def test_what_is_imported_says_so_also_where_it_is_changed(plan: dict[str, Any]) -> None:
    assert plan["imported"] == ["x.found", "x.kept"]
    kept = change(plan, "x.kept")
    assert (kept["imported"], kept["action"], kept["import_id"]) == (True, "update", "i-2")
    assert (kept["before"], kept["after"]) == ({"a": 1}, {"a": 2})
    assert not change(plan, "x.other")["imported"]


async def test_what_is_not_known_yet_is_marked(plan: dict[str, Any]) -> None:
    unknown = "(known after apply)"
    assert change(plan, "x.new")["after"] == {
        "name": "n",
        "key": "(sensitive)",
        "tags": ["a", unknown],
        "id": unknown,
        "nested": {"ip": unknown},
    }
    assert change(plan, "x.gone")["after"] is None
    assert change(plan, "data.x.read")["after"] == unknown
    assert plan["outputs"] == [
        {"name": "key", "action": "update", "before": "(sensitive)", "after": "(sensitive)"},
        {"name": "url", "action": "create", "before": None, "after": unknown},
    ]


async def test_a_huge_plan_is_not_shown_but_can_be_downloaded(
    api: httpx.AsyncClient, services: Services, deployment: str
) -> None:
    huge = (b" " * 1_000_000 for _ in range(9))
    await services.artifacts.put(deployment, PLAN_JSON, huge)
    answer = await api.get(f"/api/deployment/{deployment}/plan")
    assert (answer.status_code, answer.json()["code"]) == (422, "plan_too_large")
    download = await api.get(f"/api/deployment/{deployment}/artifacts/plan.json")
    assert download.status_code == 307


@pytest.mark.parametrize("reason", LEFT_OUT.values())
async def test_a_plan_that_was_left_out_is_named_as_too_large(
    reason: str, api: httpx.AsyncClient, services: Services, deployment: str
) -> None:
    content = left_out_content(PLAN_JSON, reason).encode()
    await services.artifacts.put(deployment, PLAN_JSON, [content])
    answer = await api.get(f"/api/deployment/{deployment}/plan")
    assert (answer.status_code, answer.json()["code"]) == (422, "plan_too_large")
    assert "left out" in answer.json()["detail"]


async def test_ten_thousand_resources_are_shown(
    api: httpx.AsyncClient, services: Services, deployment: str
) -> None:
    entries = [entry(f"x.many[{number}]", "create", after={"n": 1}) for number in range(10_000)]
    plan = json.dumps({"resource_changes": entries}).encode()
    await services.artifacts.put(deployment, PLAN_JSON, [plan])
    answer = await api.get(f"/api/deployment/{deployment}/plan")
    assert answer.json()["counts"] == {"create": 10_000}
