"""What runs in a Temporal is found whole and cancelled, without any worker or API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.settings import base_environment
from adapters.temporal.running_deployments import RunningDeployments
from tests.servers import TemporalServer, eventually

# More than a page of the API holds, whatever it is asked for.
COUNT = 101


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path)
    server.start()
    yield server
    server.end()


async def test_each_of_many_is_found_and_cancelled_even_after_a_restart(
    server: TemporalServer,
) -> None:
    client = await server.client()
    wanted = {f"dep-{number}" for number in range(COUNT)}
    for item in wanted:
        await client.start_workflow("DeploymentWorkflow", id=item, task_queue="nobody")
    await client.start_workflow("StackTurnWorkflow", id="turn-a", task_queue="nobody")
    running = RunningDeployments({**base_environment(), "TEMPORAL_ADDRESS": server.address})

    async def all_listed() -> bool:
        return set(await running.ids()) == wanted

    await eventually(all_listed, "every deployment")
    server.kill()
    server.start()
    assert set(await running.ids()) == wanted
    assert await running.cancel("dep-0", "local", "a test")
    assert await running.cancel("dep-unknown", "local", "a test"), "what is not there has ended"

    description = await client.get_workflow_handle("dep-0").describe()
    assert description.raw_description.workflow_extended_info.cancel_requested
