"""What the API says of workers: their own reports to Temporal."""

import asyncio
import uuid

import httpx
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from adapters.temporal.client import connect, worker_runtime
from deployments.temporal_names import SHARED_QUEUE


@activity.defn
async def nothing() -> None:
    """Never called."""


async def test_without_a_worker_it_is_degraded(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/worker/health")
    assert answer.status_code == 200
    assert answer.json()["status"] in {"degraded", "healthy"}
    assert {queue["name"] for queue in answer.json()["queues"]} >= {SHARED_QUEUE}


async def test_a_worker_is_shown_with_its_slots(
    api: httpx.AsyncClient, temporal_address: str, client: Client
) -> None:
    identity = f"worker-{uuid.uuid4().hex[:6]}@host-7"
    reporting = await connect({"TEMPORAL_ADDRESS": temporal_address}, worker_runtime())
    async with (
        asyncio.timeout(60),
        Worker(
            reporting,
            task_queue=f"anava@{uuid.uuid4().hex}",
            activities=[nothing],
            identity=identity,
            max_concurrent_activities=7,
        ),
    ):
        shown: list[dict[str, object]] = []
        while not shown:
            found = (await api.get("/api/worker/health")).json()
            shown = [worker for worker in found["workers"] if worker["identity"] == identity]
            await asyncio.sleep(0.1)
    assert (shown[0]["host"], shown[0]["status"]) == ("host-7", "running")
    assert shown[0]["activities"] in ({"used": 0, "free": 7}, {"used": 0, "free": 0})
    assert found["status"] == "healthy"
