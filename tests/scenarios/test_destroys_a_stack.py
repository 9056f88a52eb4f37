"""A stack is destroyed by name, its state is empty then, and it can be deployed again."""

import json

from tests.scenarios.command_line import CommandLine
from tests.support.artifacts import prefix
from tests.support.front import Front
from tests.support.service import House


def destroy(stack: str) -> dict[str, object]:
    return {"prefix": stack, "operation": "destroy", "confirm": f"demo-project-1/{stack}"}


async def test_a_stack_is_deployed_destroyed_and_deployed_again(house: House, front: Front) -> None:
    house.worker()
    stack = prefix()
    state = house.data / "stacks" / f"local.sandbox.demo-project-1.{stack}" / "terraform.tfstate"
    first = await front.json(await front.deploy(stack, resource_seconds=0))
    assert first["actions"]["can_destroy"] is True
    # The state names the template by which it was made.
    outputs = json.loads(state.read_text())["outputs"]
    assert outputs["template_version"]["value"] == first["template_version"] != ""

    path = await front.run(**destroy(stack))
    gone = await front.json(path)
    assert (gone["status"], gone["reason"]) == ("completed", "destroyed")
    counts = gone["result"]["counts"]
    assert {name: number for name, number in counts.items() if number} == {
        "remove": 12,
        "outputs": 5,
    }
    assert gone["result"]["outputs"] == []
    assert len(gone["result"]["changed"]) == 12
    assert gone["actions"]["can_destroy"] is False
    assert json.loads(state.read_text())["resources"] == []
    assert json.loads(state.read_text())["outputs"] == {}
    plan = await front.json(f"{path}/plan")
    assert plan["counts"] == {"delete": 12}
    progress = await front.json(f"{path}/resources")
    assert {(resource["action"], resource["status"]) for resource in progress["items"]} == {
        ("delete", "done")
    }
    page = await front.session.get(path.removeprefix("/api"), headers={"Accept": "text/html"})
    assert "Destroyed" in page.text
    assert "Resources: 12 destroyed." in page.text

    again = await front.json(await front.run(**destroy(stack)))
    assert (again["status"], again["reason"]) == ("completed", "nothing_to_destroy")
    last = await front.json(await front.deploy(stack, resource_seconds=0))
    assert (last["reason"], last["result"]["counts"]["add"]) == ("applied", 12)


async def test_the_command_line_tells_what_stays_and_asks(anava: CommandLine) -> None:
    words = ("deploy", "--project", "demo-project-1", "--prefix", prefix(), "-f", "--json")
    made = json.loads((await anava.run(*words)).out.splitlines()[-1])
    name = f"{made['project_id']}/{made['prefix']}"

    for typed in ("", "yes\n", f"{name}x\n"):
        refused = await anava.run("destroy", made["id"], typed=typed)
        assert refused.code == 3
        assert "logs, plans and records of this stack's deployments" in refused.err
        assert "Nothing was destroyed." in refused.err
    confirmed = await anava.run("destroy", made["id"], "-f", typed=f"{name}\n")
    assert confirmed.code == 0, confirmed.err
    assert "reason: destroyed" in confirmed.out
    assert "12 resources destroyed" in confirmed.out
    empty = await anava.run("destroy", made["id"], "--yes", "-f")
    assert (empty.code, empty.err) == (0, "")
    assert "reason: nothing_to_destroy" in empty.out
    unknown = await anava.run("destroy", "dep-" + "a" * 26, "--yes")
    assert (unknown.code, unknown.out) == (2, "")
