"""Outputs of any length: the deployment completes, and the result names those left out."""

import json
from pathlib import Path

from temporalio.api.enums.v1 import EventType

from deployments.payload_size import MAX_PAYLOAD_BYTES
from tests.scenarios.command_line import command_line
from tests.scenarios.own_template import OwnTemplate
from tests.support.front import Front
from tests.support.invariants import check_invariants
from tests.support.service import House

# 2.7 MB in all: more than Temporal takes as the result of an activity.
NUMBER = 700
CHARACTERS = 3_900
TEXT = "é" * CHARACTERS
OUTPUT = 'output "o%d" {\n  value = local.text\n}'


async def test_many_long_outputs_complete_and_are_whole_where_they_are_asked_for(
    house: House, front: Front, tmp_path: Path
) -> None:
    """The apply was done, and the deployment failed with "could not be started"."""
    template = OwnTemplate(house, tmp_path / "templates")
    template.write(
        'output "short" {\n  value = "s"\n}',
        f'locals {{\n  text = "{TEXT}"\n}}',
        *(OUTPUT % number for number in range(NUMBER)),
    )
    anava = await command_line(house)
    path = await front.deploy("many")
    ended = await front.json(path)
    assert (ended["status"], ended["reason"]) == ("completed", "applied")

    result = ended["result"]
    assert {output["name"] for output in result["outputs"]} == {"short"}
    left_out = set(result["omitted_outputs"])
    assert len(left_out) + result["omitted"] == NUMBER
    assert len(left_out) > NUMBER / 2
    files = await front.downloads(path)
    values = {
        name: output["value"]
        for name, output in json.loads(files["outputs.json"])["outputs"].items()
    }
    assert values == {"short": "s"} | {f"o{number}": TEXT for number in range(NUMBER)}
    assert len(json.loads(files["record.json"])["result"]["outputs"]) == NUMBER + 1

    outputs = json.loads((await anava.run("outputs", ended["id"], "--json")).out)["outputs"]
    assert {output["name"]: output["value"] for output in outputs} == values
    status = (await anava.run("status", ended["id"])).out
    assert f"(anava outputs {ended['id']})" in status

    deployment = house.known(ended["id"], ended["stack"])
    history = await deployment.handle.fetch_history()
    largest = max(event.ByteSize() for event in history.events)
    assert largest <= MAX_PAYLOAD_BYTES + 2_000, EventType.Name(
        max(history.events, key=lambda event: event.ByteSize()).event_type
    )
    await check_invariants(house, deployment)
