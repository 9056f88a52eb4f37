"""A first deployment on a project made minutes ago: APIs, roles and operations take a while."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from google_stand_in import scenario
from tests.support.anava_stack import Stack, settings
from tests.support.front import Front
from tests.support.invariants import check_invariants
from tests.support.real_provider import ANAVA
from tests.support.service import House
from tests.support.stand_in.serving import ServedStandIn

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

ROBOT = "serviceAccount:stand-in@developer.gserviceaccount.com"
PUBLISHED = "projects/demo-proj/roles/anavaDeployer"
WAITS = (
    "the APIs that were enabled take effect",
    "the API of the gateway becomes known",
    "the roles that were granted take effect",
)


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[ServedStandIn]:
    folder = tmp_path / "google"
    folder.mkdir()
    stand_in = ServedStandIn(folder, "brand-new-project")
    await stand_in.start()
    yield stand_in
    stand_in.end()


@pytest.fixture
def stack(house: House, front: Front, google: ServedStandIn) -> Stack:
    house.settings = settings(google)
    return Stack(house, front, google)


def hold_the_published_role(google: ServedStandIn) -> None:
    """The project's caller has the role in deployer-role.yaml, and no other."""
    lines = (ANAVA / "deployer-role.yaml").read_text().splitlines()
    permissions = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    content = json.loads((scenario.SCENARIOS / "brand-new-project.json").read_text())
    content["projects"][0]["roles"] = {PUBLISHED: [ROBOT]}
    google.control("PUT", "scenario", content)
    role = {"roleId": "anavaDeployer", "role": {"includedPermissions": permissions}}
    google.preload(("/iam/v1/projects/demo-proj/roles", role))


@pytest.mark.parametrize("role", ["owner", "published"])
async def test_the_first_deployment_completes_at_the_first_try(
    stack: Stack, google: ServedStandIn, role: str
) -> None:
    """Two tries failed before, since neither APIs nor roles had taken effect."""
    if role == "published":
        hold_the_published_role(google)
    stack.house.worker()
    # Longer than the scenario's 60 s.
    path = await stack.start(variables={"propagation_seconds": 65})
    ended = await stack.ended(path)
    assert ended["result"]["errors"] == []
    assert (ended["status"], ended["reason"]) == ("completed", "applied")
    evidence = await check_invariants(stack.house, stack.seen(path))
    assert [step.phase for step in evidence.steps] == ["init", "plan", "apply"]
    log = b"".join(line for step in evidence.steps for line in step.lines).decode()
    assert [text for text in WAITS if text not in log] == []
    assert (await stack.deploy())["reason"] == "no_changes"
