"""A deployment reports the changes that its plan had and its apply made, also those without a line.

Terraform prints no message about a changed output, a move, a removal from the state or an import
that is done, and none about a planned update that turns out to be none (measured, 1.11.4).
"""

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.own_template import OwnTemplate
from tests.support.artifacts import prefix
from tests.support.front import Front
from tests.support.servers import eventually
from tests.support.service import House

UP = """resource "terraform_data" "%s" {
  triggers_replace = [%d]
}"""
# An update is planned whenever the id of `up` is known only after apply.
DOWN = """resource "terraform_data" "down" {
  input = length(terraform_data.%s.id) > 3 ? "long" : "short"
}"""
OUTPUT = 'output "url" {\n  value = "%d"\n}'
BAD = """resource "terraform_data" "bad" {
  depends_on = [terraform_data.new]
  provisioner "local-exec" {
    command = "exit 1"
  }
}"""
SLOW = """resource "terraform_data" "%s" {
  provisioner "local-exec" {
    command = "exec sleep 60"
  }
}"""
IMPORT = """resource "terraform_data" "%s" {}
import {
  to = terraform_data.%s
  id = "existing"
}"""
MOVED = "moved {\n  from = terraform_data.%s\n  to   = terraform_data.%s\n}"
REMOVED = "removed {\n  from = terraform_data.%s\n  lifecycle {\n    destroy = false\n  }\n}"


def numbers(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


@pytest.fixture
def template(house: House, tmp_path: Path) -> OwnTemplate:
    return OwnTemplate(house, tmp_path / "templates")


class Stack:
    """A stack that is deployed again and again."""

    def __init__(self, front: Front, template: OwnTemplate) -> None:
        self._front, self._template, self._prefix = front, template, prefix()
        self.path = ""

    async def deploy(self, *blocks: str) -> dict[str, Any]:
        self._template.write(*blocks)
        self.path = await self._front.deploy(self._prefix)
        return await self._front.json(self.path)

    async def statuses(self) -> dict[str, str]:
        resources = (await self._front.json(f"{self.path}/resources"))["items"]
        return {resource["address"]: resource["status"] for resource in resources}


async def test_a_plan_of_changes_without_a_line_is_no_end_without_changes(
    house: House, front: Front, template: OwnTemplate
) -> None:
    """Each of these ended with "The stack already was as requested" beside what it had done."""
    house.worker()
    stack = Stack(front, template)
    first = await stack.deploy(UP % ("up", 1), DOWN % "up", OUTPUT % 1)
    assert numbers(first["result"]["counts"]) == {"add": 2, "outputs": 1}
    moved = (UP % ("to", 1), DOWN % "to", OUTPUT % 2, MOVED % ("up", "to"))
    for blocks, made, changed in (
        ((UP % ("up", 1), DOWN % "up", OUTPUT % 2), {"outputs": 1}, []),
        (moved, {"moved": 1}, ["terraform_data.to"]),
    ):
        ended = await stack.deploy(*blocks)
        assert (ended["status"], ended["reason"]) == ("completed", "applied"), made
        result = ended["result"]
        assert numbers(result["counts"]) == numbers(result["planned"]) == made
        assert result["changed"] == changed
    again = await stack.deploy(*moved)
    assert (again["reason"], numbers(again["result"]["planned"])) == ("no_changes", {})


async def test_after_a_complete_apply_nothing_is_open(
    house: House, front: Front, template: OwnTemplate
) -> None:
    """The update that was none stood as "Not done" below "All planned changes were made"."""
    house.worker()
    stack = Stack(front, template)
    await stack.deploy(UP % ("up", 1), DOWN % "up")
    ended = await stack.deploy(UP % ("up", 2), DOWN % "up")
    result = ended["result"]
    assert (ended["status"], ended["reason"]) == ("completed", "applied")
    assert (result["not_applied"], result["unchanged"]) == ([], ["terraform_data.down"])
    assert numbers(result["counts"]) == {"add": 1, "remove": 1}
    assert numbers(result["planned"]) == {"add": 1, "change": 1, "remove": 1}
    assert await stack.statuses() == {
        "terraform_data.up": "done",
        "terraform_data.down": "unchanged",
    }
    page = (await front.session.get(f"/deployment/{ended['id']}")).text
    assert "Planned, but found unchanged" in page
    assert "Not done" not in page


async def test_a_failed_apply_counts_what_the_state_has(
    house: House, front: Front, template: OwnTemplate
) -> None:
    """It had imported, moved and forgotten, and the result had only the counts of the plan."""
    house.worker()
    stack = Stack(front, template)
    removed = UP % ("gone", 1)
    await stack.deploy(UP % ("up", 1), removed)
    ended = await stack.deploy(
        UP % ("to", 1),
        MOVED % ("up", "to"),
        REMOVED % "gone",
        IMPORT % ("in", "in"),
        UP % ("new", 1),
        BAD,
    )
    result = ended["result"]
    assert (ended["status"], ended["reason"]) == ("failed", "apply_failed")
    silent = {"imported": 1, "moved": 1, "forgotten": 1}
    assert numbers(result["counts"]) == {"add": 1, **silent}
    assert numbers(result["planned"]) == {"add": 2, **silent}
    # Its provisioner failed: it is in the state, and the next plan replaces it.
    assert (result["tainted"], result["not_applied"]) == (["terraform_data.bad"], [])
    assert set(result["changed"]) == {
        f"terraform_data.{name}" for name in ("new", "in", "to", "gone")
    }
    page = (await front.session.get(f"/deployment/{ended['id']}")).text
    silent_text = "1 imported, 1 moved, 1 forgotten."
    made_text = f"Made: Resources: 1 created, 1 created in part, {silent_text}"
    assert "4 of 5 planned changes were made." in page
    assert made_text in page
    assert "Created in part; the next deployment replaces these" in page
    assert f"Planned: Resources: 2 created, {silent_text}" in page


async def test_a_cancelled_apply_names_what_it_created_in_part(
    house: House, front: Front, template: OwnTemplate
) -> None:
    """The result had "no changes", and the next deployment replaced three resources."""
    house.worker()
    names = ("one", "two", "three")
    template.write(*(SLOW % name for name in names))
    name = prefix()
    path = await front.start(template="sandbox", project_id="demo-project-1", prefix=name)

    async def all_running() -> bool:
        items = (await front.json(f"{path}/resources"))["items"]
        return [item["status"] for item in items] == ["running"] * len(names)

    await eventually(all_running, "the start of all resources", 60)
    await front.session.post(f"{path}/cancel")
    ended = await front.ended(path)
    addresses = sorted(f"terraform_data.{name}" for name in names)
    result = ended["result"]
    assert ended["status"] == "cancelled"
    assert (sorted(result["tainted"]), result["not_applied"]) == (addresses, [])
    page = (await front.session.get(f"/deployment/{ended['id']}")).text
    assert "Made: Resources: 3 created in part." in page
    template.write(*(UP % (name, 1) for name in names))
    again = await front.json(await front.deploy(name))
    assert numbers(again["result"]["counts"]) == {"add": 3, "remove": 3}
