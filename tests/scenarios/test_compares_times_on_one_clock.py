"""The clock of the API's machine is hours off: health, workers and times are right."""

import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from deployments.deployment import Status
from tests.support.api import start_api, until_ready
from tests.support.servers import eventually, free_port
from tests.support.service import House

HOURS = 3600
SHIFTED_API = (sys.executable, "-m", "tests.scenarios.shifted_api")


@pytest.fixture
async def api(house: House, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a machine whose clock is off by `request.param` seconds, and a worker."""
    port = free_port()
    start_api(house, port, (*SHIFTED_API, str(request.param)))
    house.worker()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as session:
        await until_ready(session)
        await house.until_up()
        yield session


async def statuses(api: httpx.AsyncClient, house: House) -> set[str]:
    """The status of each worker of this house in the API's answer."""
    workers = (await api.get("/api/worker/health")).json()["workers"]
    pids = {str(worker.popen.pid) for worker in house.workers}
    return {worker["status"] for worker in workers if worker["process_id"] in pids}


async def until_running(api: httpx.AsyncClient, house: House) -> None:
    async def is_running() -> bool:
        return await statuses(api, house) == {"running"}

    await eventually(is_running, "the running worker")


@pytest.mark.parametrize(
    "api", [2 * HOURS, pytest.param(-2 * HOURS, marks=pytest.mark.long)], indirect=True
)
async def test_health_workers_and_times_are_right(house: House, api: httpx.AsyncClient) -> None:
    """All workers were silent, and a deployment ended before it was created."""
    await until_running(api, house)
    assert (await api.get("/health")).json()["status"] == "healthy"

    body = {"template": "sandbox", "project_id": "demo-project-1", "prefix": "clock"}
    created = (await api.post("/api/deploy", json=body)).json()
    deployment = house.known(created["id"], created["stack"])
    assert (await deployment.result()).status is Status.COMPLETED

    shown = (await api.get(f"/api/deployment/{created['id']}")).json()
    times = [shown[name] for name in ("created_at", "started_at", "ended_at")]
    assert times == sorted(times)
    assert created["created_at"] == shown["created_at"]


async def test_an_api_that_cannot_start_ends_with_its_exit_status(house: House) -> None:
    """The program of these tests ended with 0 where the API had ended with 1."""
    house.settings = {"ANAVA_DATA_DIR": "/sys/anava"}
    api = start_api(house, free_port(), (*SHIFTED_API, "0"))
    await eventually(lambda: api.popen.poll() is not None, "the end of the API")
    assert api.popen.returncode == 1


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.parametrize("api", [-2 * HOURS], indirect=True)
async def test_a_dead_worker_does_not_count_as_running(
    house: House, api: httpx.AsyncClient
) -> None:
    await until_running(api, house)
    house.workers[-1].kill()

    async def is_silent() -> bool:
        return await statuses(api, house) == {"silent"}

    await eventually(is_silent, "the silence", 120)
