"""A deployment whose workflow code fails again and again is visible everywhere."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import ClassVar

import httpx
import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.temporal.gateway import TemporalGateway
from api.server import Server
from cli.render import deployment_lines, health_lines, list_line
from deployments.deployment import Status
from deployments.temporal_names import SHARED_QUEUE, Attribute
from tests.api.command import anava
from tests.api.scripted import deploy
from tests.api.temporal import temporal_server
from tests.support.servers import eventually
from workflows.deployment import DeploymentInput

STATUS = SearchAttributeKey.for_keyword(Attribute.STATUS)
EARLY = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2"
# The server repeats a failed task after 10 s, and a later one after 20 s and more.
REPEATS_SECONDS = 60


@workflow.defn(name="DeploymentWorkflow")
class ChangedWorkflow:
    """Waits for a signal; `code` is the release of the workers."""

    code: ClassVar[str] = "good"

    def __init__(self) -> None:
        self._continued = False

    @workflow.run
    async def run(self, input: DeploymentInput) -> None:
        if self.code == "non-determinism":
            await workflow.sleep(1)
        workflow.upsert_search_attributes([STATUS.value_set(Status.RUNNING)])
        await workflow.wait_condition(lambda: self._continued)
        if self.code == "exception":
            raise ValueError("an error of the code")

    @workflow.signal
    def go(self) -> None:
        self._continued = True

    @workflow.signal
    def force_cancel(self) -> None:
        """Without an effect."""


@asynccontextmanager
async def release(client: Client, code: str) -> AsyncIterator[None]:
    """A worker of a release."""
    ChangedWorkflow.code = code
    async with Worker(
        client,
        task_queue=SHARED_QUEUE,
        workflows=[ChangedWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        # Each task replays the history, as after a restart of the worker.
        max_cached_workflows=0,
    ):
        yield


@pytest.fixture(scope="module")
def temporal_address() -> Iterator[str]:
    """As `anava up` starts it, without stuck deployments of other tests."""
    with temporal_server("--dynamic-config-value", EARLY) as address:
        yield address


async def stuck_deployment(api: httpx.AsyncClient, client: Client) -> str:
    """A running deployment, ready to be continued by a worker of another release."""
    async with release(client, "good"):
        id = await deploy(api)

        async def runs() -> bool:
            answer = await api.get(f"/api/deployment/{id}")
            return bool(answer.json()["status"] == "running")

        await eventually(runs, "the deployment")
    await client.get_workflow_handle(id).signal(ChangedWorkflow.go)
    return id


async def until_stuck(api: httpx.AsyncClient, id: str) -> dict[str, object]:
    async def shown() -> dict[str, object] | None:
        body: dict[str, object] = (await api.get(f"/api/deployment/{id}")).json()
        return body if body["reason"] == "stuck" else None

    return await eventually(shown, "the reason", REPEATS_SECONDS)


@pytest.mark.parametrize(
    "code", ["exception", pytest.param("non-determinism", marks=pytest.mark.long)]
)
async def test_a_stuck_deployment_is_named_with_its_next_step_until_it_continues(
    api: httpx.AsyncClient, client: Client, code: str
) -> None:
    """It showed `running` and healthy, with no word of the failures."""
    id = await stuck_deployment(api, client)
    async with release(client, code):
        body = await until_stuck(api, id)
        async with asyncio.timeout(2):
            answers = [(await api.get(path)).json() for path in ("/health", "/api/worker/health")]
        page = (await api.get(f"/deployment/{id}")).text
    for health in answers:
        assert (health["status"], health["stuck_count"]) == ("degraded", 1)
        assert health["stuck_deployments"] == [id]
    assert body["status"] == "running"
    assert "docs/runbooks/stuck.md" in str(body["next_step"])
    assert all(str(body[name]) in page for name in ("message", "next_step"))
    assert any("stuck.md" in line for line in deployment_lines(body))
    assert any(id in line for line in health_lines(answers[0]))
    async with release(client, "good"), asyncio.timeout(REPEATS_SECONDS):
        await client.get_workflow_handle(id).result()

    async def healthy() -> bool:
        return bool((await api.get("/health")).json()["stuck_count"] == 0)

    await eventually(healthy, "the recovery")


@pytest.mark.long
async def test_lists_name_a_stuck_deployment(api: httpx.AsyncClient, client: Client) -> None:
    id = await stuck_deployment(api, client)
    async with release(client, "exception"):

        async def listed() -> dict[str, object] | None:
            page = (await api.get("/api/deployments", params={"limit": 100})).json()
            (item,) = [item for item in page["items"] if item["id"] == id]
            return item if item["reason"] == "stuck" else None

        item = await eventually(listed, "the search attribute", REPEATS_SECONDS)
        health = (await api.get("/health")).json()
        assert "Stuck" in (await api.get("/")).text
    assert (health["stuck_count"], health["stuck_deployments"]) == (1, [id])
    assert "running (stuck)" in list_line(item)
    await client.get_workflow_handle(id).terminate()


async def test_a_server_without_the_search_attribute_loses_only_the_lists(
    api: httpx.AsyncClient, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server before 1.30 refuses a query with the name, as it refuses any unknown name."""
    monkeypatch.setattr("adapters.temporal.queries.REPORTED_PROBLEMS", "TemporalNotYetKnown")
    id = await stuck_deployment(api, client)
    async with release(client, "exception"):
        await until_stuck(api, id)
        stuck = await TemporalGateway(client).stuck()
        assert (stuck.count, stuck.ids) == (1, [id])
        assert (await api.get("/api/deployments")).status_code == 200
    await client.get_workflow_handle(id).terminate()


async def test_a_worker_that_is_away_is_no_stuck_deployment(
    api: httpx.AsyncClient, client: Client
) -> None:
    """A task that waits for a worker has not failed."""
    id = await stuck_deployment(api, client)
    health = (await api.get("/health")).json()
    assert (health["stuck_count"], health["stuck_deployments"]) == (0, [])
    assert (await api.get(f"/api/deployment/{id}")).json()["reason"] == "none"
    await client.get_workflow_handle(id).terminate()


@pytest.mark.long
async def test_a_forced_cancel_of_a_stuck_deployment_says_that_it_has_no_effect(
    live: httpx.AsyncClient, server: Server, client: Client
) -> None:
    """It answered 202, and nothing happened ever after."""
    id = await stuck_deployment(live, client)
    async with release(client, "exception"):
        await until_stuck(live, id)
        status, output = await anava(server, "cancel", "--force", id)
    assert status == 1, output
    assert "A cancel has no effect before the repair." in output
    await client.get_workflow_handle(id).terminate()
