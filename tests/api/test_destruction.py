"""A destroy says first what it leaves, and is done only when the stack is named."""

import secrets

import httpx
import pytest

from deployments.destruction import RECORDS
from deployments.templates import TEMPLATES


def test_every_template_says_what_its_destroy_leaves() -> None:
    for template in TEMPLATES.values():
        assert RECORDS in template.destruction.retained, template.name


async def test_what_stays_and_what_google_keeps_is_said_with_the_words_to_confirm(
    api: httpx.AsyncClient,
) -> None:
    asked = {"template": "anava", "project_id": "customer-1", "prefix": "front"}
    answer = await api.get("/api/destruction", params=asked)
    destruction = answer.json()
    assert (answer.status_code, destruction["stack"]) == (200, "local.anava.customer-1.front")
    assert destruction["confirm"] == "customer-1/front"
    assert any("Firestore database" in item["what"] for item in destruction["retained"])
    assert all(entry["why"] for entry in destruction["retained"])
    assert {element["days"] for element in destruction["soft_deleted"]} == {30, 37}
    assert any("workload identity pool" in value["what"] for value in destruction["soft_deleted"])
    sandbox = (await api.get("/api/destruction?template=sandbox&project_id=customer-1")).json()
    assert (sandbox["confirm"], sandbox["soft_deleted"]) == ("customer-1/anava", [])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "template=sandbox&project_id=",
        "project_id=customer-1",
        "template=sandbox&project_id=../../etc",
        "template=sandbox&project_id=customer-1%00",
        "template=sandbox&project_id=" + "x" * 5000,
        "template=sandbox&project_id=customer-1&prefix=-",
        "project_id=customer-1&template=../sandbox",
        "project_id=customer-1&template=platform",
        "template=sandbox&project_id=customer-1&more=1",
    ],
)
async def test_a_stack_that_cannot_be_is_refused(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/destruction?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("confirm", [{}, {"confirm": "yes"}, {"confirm": None}])
async def test_an_unconfirmed_destroy_starts_nothing(
    api: httpx.AsyncClient, confirm: dict[str, str | None]
) -> None:
    project = "gone-" + secrets.token_hex(4)
    body = {"template": "sandbox", "project_id": project, "operation": "destroy", **confirm}
    answer = await api.post("/api/deploy", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/confirm"]
    assert (await api.get(f"/api/deployments?project={project}")).json()["items"] == []


async def test_a_confirmed_destroy_is_shown_as_one(api: httpx.AsyncClient) -> None:
    project = "gone-" + secrets.token_hex(4)
    body = {
        "template": "sandbox",
        "project_id": project,
        "operation": "destroy",
        "confirm": f"{project}/anava",
    }
    accepted = await api.post("/api/deploy", json=body)
    assert (accepted.status_code, accepted.json()["operation"]) == (202, "destroy")
    snapshot = (await api.get(accepted.headers["Location"])).json()
    assert (snapshot["operation"], snapshot["actions"]["can_destroy"]) == ("destroy", False)
    page = await api.get(f"/deployment/{snapshot['id']}", headers={"Accept": "text/html"})
    assert f"<h1>Destroy {project}/anava</h1>" in page.text
