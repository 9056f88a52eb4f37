"""The health of Temporal and of the workers."""

import asyncio
from dataclasses import asdict
from typing import Protocol

from api.schemas.health import HealthBody, QueueBody, WorkerBody, WorkerHealthBody
from deployments.errors import TemporalUnavailable
from deployments.phase import TERRAFORM_PHASES, Phase
from deployments.temporal_names import SHARED_QUEUE
from deployments.worker_reports import QueueReport, StuckDeployments, WorkerReport

__all__ = ["HealthService", "Workers"]


class Workers(Protocol):
    """The Temporal gateway's reports; each method raises `TemporalUnavailable`."""

    async def ping(self) -> None: ...
    async def workers(self) -> list[WorkerReport]: ...
    async def queue(self, name: str, kind: str) -> QueueReport: ...
    async def count_running(self, *phases: Phase) -> int: ...
    async def stuck(self) -> StuckDeployments: ...


class HealthService:
    """Derives the service's health from Temporal's reports."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    async def is_ready(self) -> bool:
        """Whether Temporal answers."""
        try:
            await self._workers.ping()
        except TemporalUnavailable:
            return False
        return True

    async def check(self) -> HealthBody:
        """Summarize; `unhealthy` when Temporal does not answer."""
        try:
            queue = await self._workers.queue(SHARED_QUEUE, "workflow")
            active = await self._workers.count_running()
            stuck = await self._workers.stuck()
        except TemporalUnavailable:
            return HealthBody(
                status="unhealthy", temporal=False, workers=0, active_deployments=0, backlog=0
            )
        return HealthBody(
            status="healthy" if queue.pollers and not stuck.count else "degraded",
            temporal=True,
            workers=queue.pollers,
            active_deployments=active,
            backlog=queue.backlog,
            stuck_count=stuck.count,
            stuck_deployments=stuck.ids,
        )

    async def workers(self) -> WorkerHealthBody:
        """List the workers that reported recently, and the backlog of their task queues.

        Raises:
            TemporalUnavailable: Temporal does not answer.
        """
        workers = sorted(
            await self._workers.workers(),
            key=lambda worker: (worker.host, worker.identity, worker.queue),
        )
        steps = await self._workers.count_running(*TERRAFORM_PHASES)
        stuck = await self._workers.stuck()
        host_queues = sorted({worker.queue for worker in workers} - {SHARED_QUEUE})
        queues = await asyncio.gather(
            self._workers.queue(SHARED_QUEUE, "workflow"),
            *(self._workers.queue(name, "activity") for name in (SHARED_QUEUE, *host_queues)),
        )
        runs = any(worker.status == "running" for worker in workers)
        return WorkerHealthBody(
            status="healthy" if runs and not stuck.count else "degraded",
            workers=[WorkerBody(**asdict(worker)) for worker in workers],
            queues=[QueueBody(**asdict(queue)) for queue in queues],
            running_steps=steps,
            stuck_count=stuck.count,
            stuck_deployments=stuck.ids,
        )
