"""An owner who holds too many bytes on a host has short logs; those of other owners are whole."""

import json
import os
import time

from deployments.deployment import DeploymentRequest, Stack, Status
from deployments.events import LIMIT_NOTICE, EndKind
from deployments.retention import DAY_SECONDS
from deployments.size_limit import ALWAYS_BYTES
from tests.scenarios.command_line import CommandLine, command_line
from tests.support.invariants import check_invariants
from tests.support.servers import eventually
from tests.support.service import Deployment, House

# The log has more than what is always stored, and less than an eighth of the limit.
OWNER_MB = 20
LINES = 2_000
LIMIT = "the owner's deployments have reached their limit on the host"
ADVICE = "An operator can shorten the retention of earlier deployments or raise the limit."


def request(prefix: str, lines: int = LINES) -> DeploymentRequest:
    variables = json.dumps({"resource_seconds": 0, "resources": 1, "lines": lines})
    stack = Stack("sandbox", "demo-project-1", prefix)
    return DeploymentRequest(stack, "us-central1", "US", variables)


async def completed(
    house: House, prefix: str, owner: str = "local", lines: int = LINES
) -> Deployment:
    deployment = await house.start(request(prefix, lines), owner=owner)
    assert (await deployment.result()).status is Status.COMPLETED
    return deployment


def age(house: House, deployment: Deployment, days: float) -> None:
    """Let a deployment have ended some days earlier."""
    moment = time.time() - days * DAY_SECONDS
    for folder in (deployment.folder, house.data / "artifacts" / deployment.id):
        for path in folder.rglob("*"):
            os.utime(path, (moment, moment))


async def ends(deployment: Deployment) -> set[EndKind]:
    return {seal.end for seal in (await deployment.result()).seals}


def size(deployment: Deployment) -> int:
    return sum(path.stat().st_size for path in deployment.folder.glob("steps/*/events.jsonl"))


async def test_the_log_of_an_owner_without_room_ends_and_terraform_completes(house: House) -> None:
    """An owner who deployed without pause filled the host, which then admitted no owner."""
    house.settings |= {"ANAVA_LIMITS__OWNER_MB": str(OWNER_MB)}
    anava = await command_line(house)
    earlier, newest = [await completed(house, "same", lines=0) for _ in range(2)]
    # What many earlier deployments would hold.
    os.truncate(house.data / "artifacts" / earlier.id / "log.txt", OWNER_MB * 1_000_000)

    limited = await completed(house, "limited")
    other = await completed(house, "other", owner="bob")

    assert await ends(other) == {EndKind.COMPLETE}
    assert ALWAYS_BYTES < size(other) < OWNER_MB * 1_000_000 / 8
    assert EndKind.LIMITED in await ends(limited)
    assert size(limited) <= ALWAYS_BYTES + 3_000
    assert house.recorded(limited) == house.recorded(other)
    await check_invariants(house, limited)
    shown = (await anava.run("logs", limited.id)).out
    assert LIMIT_NOTICE in shown
    assert LIMIT in shown
    assert ADVICE in shown

    await delete_expired(anava, earlier, newest)
    again = await completed(house, "again")
    assert await ends(again) == {EndKind.COMPLETE}
    assert size(again) > ALWAYS_BYTES


async def delete_expired(anava: CommandLine, earlier: Deployment, newest: Deployment) -> None:
    """Let the retention delete the earlier deployment; the newest of the stack stays."""
    house = anava.house
    pending = house.data / "runs" / "pending"
    await eventually(lambda: not (pending / earlier.id).exists(), "the rest", 30)
    age(house, earlier, 400)
    age(house, newest, 399)
    assert (await anava.run("retention", named=False)).code == 0
    log = house.data / "artifacts" / earlier.id / "log.txt"
    assert (log.exists(), newest.folder.exists()) == (False, True)
