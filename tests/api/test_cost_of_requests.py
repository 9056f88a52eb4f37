"""No request holds the event loop, which serves all callers, for longer than 100 ms."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from api.middleware.strict_json import json_error
from deployments.step import Resource, ResourceStatus
from tests.api.scripted import deploy
from tests.support.cost import event_loop_seconds, growth
from tests.support.dear_inputs import BODY_BYTES, dear_bodies

_JSON = {"Content-Type": "application/json"}
_LIMIT_SECONDS = 0.1
_BODIES = dear_bodies(BODY_BYTES)


@pytest.mark.parametrize("kind", _BODIES)
async def test_the_dearest_body_takes_less_than_100_ms_of_the_event_loop(
    api: httpx.AsyncClient, kind: str
) -> None:
    async def post() -> None:
        answer = await api.post("/api/deploy", content=_BODIES[kind], headers=_JSON)
        assert answer.status_code in {400, 422}, answer.text
        assert len(answer.content) < 20_000

    await post()
    seconds = min([await event_loop_seconds(post) for _ in range(3)])

    assert seconds < _LIMIT_SECONDS


@pytest.mark.parametrize("kind", _BODIES)
def test_a_body_of_four_times_the_size_takes_no_more_than_eight_times_as_long(kind: str) -> None:
    def check(size: int) -> Callable[[], object]:
        body = dear_bodies(size)[kind]
        return lambda: json_error(body)

    assert growth(check, BODY_BYTES // 4) <= 8


async def test_the_progress_of_3000_resources_takes_less_than_100_ms_of_the_event_loop(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    # The sandbox's largest stack: 1,000 resources in each of three layers.
    deployment = await deploy(api)
    step = tmp_path / deployment / "steps" / "3"
    step.mkdir(parents=True)
    resources = [
        vars(Resource(f"terraform_data.edge[{number}]", "create", ResourceStatus.RUNNING))
        for number in range(3000)
    ]
    progress = {"step": 3, "phase": "apply", "until": "3-1", "resources": resources, "counts": {}}
    (step / "progress.json").write_text(json.dumps(progress))

    async def get() -> None:
        answer = await api.get(f"/api/deployment/{deployment}/progress")
        assert len(answer.json()["resources"]) == 3000

    await get()
    assert min([await event_loop_seconds(get) for _ in range(3)]) < _LIMIT_SECONDS
