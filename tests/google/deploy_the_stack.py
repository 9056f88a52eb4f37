"""The real template and provider through the whole service: tokens of seconds, cameras, destroy.

Minutes, and a mirror with Google's provider: so it is `make test-google`, not `make test`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.google.key_file import write_key
from tests.google.serving import ServedStandIn
from tests.scenarios.conftest import front, temporal
from tests.scenarios.front import Front
from tests.scenarios.house import House
from tests.scenarios.test_leaves_artifacts import prefix
from tests.servers import TemporalServer
from tests.terraform.real_provider import NO_MIRROR, mirror

__all__ = ["front", "temporal"]


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[ServedStandIn]:
    stand_in = ServedStandIn(tmp_path)
    await stand_in.start()
    stand_in.control("PUT", "settings", {"token_seconds": 20})
    yield stand_in
    stand_in.end()


@pytest.fixture
async def house(
    temporal: TemporalServer, tmp_path: Path, google: ServedStandIn
) -> AsyncIterator[House]:
    place = mirror()
    assert place is not None, NO_MIRROR
    write_key(tmp_path / "key.json", google.endpoint)
    data = tmp_path / "data"
    data.mkdir()
    settings = {
        "ANAVA_TERRAFORM__MIRROR": str(place),
        "ANAVA_GOOGLE__ENDPOINT": google.endpoint,
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json"),
    }
    made = House(await temporal.client(), temporal.address, data, settings)
    yield made
    made.end()


async def test_it_is_deployed_with_renewed_tokens_gives_cameras_their_due_and_is_destroyed(
    house: House, front: Front, google: ServedStandIn
) -> None:
    house.worker()
    front.patience_seconds = 400
    stack = prefix()
    asked = {"template": "anava", "project_id": "demo-proj", "prefix": stack}
    path = await front.run(**asked)
    made = await front.json(path)
    assert (made["status"], made["reason"]) == ("completed", "applied"), made
    used = {one["token"] for one in google.asked() if one["token"]}
    assert len(used) > 3, "tokens were renewed while terraform ran"
    assert [one for one in google.asked() if one["status"] == 401] == []
    config = await front.json(f"{path}/acap-config")
    assert config["firebase"]["projectId"] == "demo-proj"
    assert config["googleAI"]["apiGatewayUrl"].startswith("https://")
    assert config["deployment"]["outputs"]["tvm_function_url"]

    gone = await front.run(**asked, operation="destroy", confirm=f"demo-proj/{stack}")
    seen = await front.json(gone)
    assert (seen["status"], seen["reason"]) == ("completed", "destroyed"), seen
    assert seen["result"]["counts"]["remove"] == made["result"]["counts"]["add"]
