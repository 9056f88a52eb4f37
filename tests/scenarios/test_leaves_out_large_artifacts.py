"""A file beyond the limit for artifacts is left out, with the reason in its place."""

from pathlib import Path

from deployments.artifacts import LIMIT_REACHED
from tests.scenarios.command_line import command_line
from tests.scenarios.own_template import OwnTemplate
from tests.support.front import Front
from tests.support.invariants import check_invariants
from tests.support.service import House

LARGE = {"plan.json", "plan.txt", "outputs.json"}
# 2.7 MB in all.
OUTPUTS = [f'output "o{number}" {{\n  value = local.text\n}}' for number in range(700)]


async def test_the_deployment_completes_and_each_list_of_files_names_the_reason(
    house: House, front: Front, tmp_path: Path
) -> None:
    """Plans and outputs of any size were stored for a year, for each deployment."""
    template = OwnTemplate(house, tmp_path / "templates")
    template.write(f'locals {{\n  text = "{"x" * 3_900}"\n}}', *OUTPUTS)
    house.settings |= {"ANAVA_ARTIFACTS__MAX_MB": "1"}
    anava = await command_line(house)
    path = await front.deploy("large")
    ended = await front.json(path)
    assert (ended["status"], ended["reason"]) == ("completed", "applied")

    items = (await front.json(f"{path}/artifacts"))["items"]
    assert {item["name"] for item in items if item["left_out"] == LIMIT_REACHED} == LARGE
    assert {item["left_out"] for item in items if item["name"] not in LARGE} == {""}
    assert all(item["size_bytes"] < 1_000 for item in items if item["name"] in LARGE)
    page = await front.session.get(f"/deployment/{ended['id']}")
    assert page.text.count("is larger than the limit for a file of a deployment") == len(LARGE)
    plan = await front.session.get(f"{path}/plan")
    assert (plan.status_code, plan.json()["code"]) == (422, "plan_too_large")

    files = (await anava.run("artifacts", ended["id"])).out
    assert files.count(f"left out: {LIMIT_REACHED}") == len(LARGE)
    outputs = await anava.run("outputs", ended["id"])
    assert outputs.code == 2
    assert outputs.err.strip() == (
        "The file outputs.json is larger than the limit for a file of a deployment. "
        f"It was left out ({LIMIT_REACHED})."
    )
    await check_invariants(house, house.known(ended["id"], ended["stack"]))
