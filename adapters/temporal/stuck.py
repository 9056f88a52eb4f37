"""Finds the deployments that cannot continue, since their workflow task fails again and again."""

import asyncio
from datetime import timedelta

from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from adapters.task_group import run_all
from adapters.temporal.executions import is_stuck
from adapters.temporal.queries import running_query, stuck_query
from deployments.worker_reports import StuckDeployments

__all__ = ["StuckDeploymentSearch"]

# Health names the first; the number counts all.
_MAX_IDS = 20
# Without the search attribute only a description has the attempt, 2 ms each (measured). More open
# deployments than two hosts have places for.
_MAX_DESCRIBED = 100
_DESCRIBED_AT_ONCE = 10
# Several programs poll the health: they share a result, which stays far below the 2 s within which
# health reports a stuck deployment.
_SHARED_SECONDS = 1.0


class StuckDeploymentSearch:
    """A search of the namespace, for the health of the service.

    The server's search attribute marks every stuck deployment, after as many failures as the server
    is configured for (5 by default, after 54 s). The descriptions of the newest open deployments
    show 2 failures already, also on a server without the attribute.
    """

    def __init__(self, client: Client, rpc_timeout: timedelta) -> None:
        self._client = client
        self._rpc_timeout = rpc_timeout
        self._lock = asyncio.Lock()
        self._result: StuckDeployments | RPCError = StuckDeployments()
        self._shared_until = float("-inf")

    async def run(self) -> StuckDeployments:
        """Search, or return the result of a second ago; raises RPCError."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if clock() >= self._shared_until:
                try:
                    self._result = await self._search()
                except RPCError as error:
                    # Shared as well: the waiting callers would search one after another.
                    self._result = error
                self._shared_until = clock() + _SHARED_SECONDS
            if isinstance(self._result, RPCError):
                raise self._result
            return self._result

    async def _search(self) -> StuckDeployments:
        count = await self._count_reported()
        ids: list[str] = []
        if count:
            ids = [execution.id for execution in await self._list(stuck_query(), _MAX_IDS)]
        running = await self._list(running_query(), _MAX_DESCRIBED)
        # The count has those whose search attribute is set.
        others = [execution.id for execution in running if not is_stuck(execution)]
        limit = asyncio.Semaphore(_DESCRIBED_AT_ONCE)
        stuck = await run_all([self._is_stuck(id, limit) for id in others])
        new = [id for id, is_new in zip(others, stuck, strict=True) if is_new and id not in ids]
        return StuckDeployments(count + len(new), [*ids, *new][:_MAX_IDS])

    async def _count_reported(self) -> int:
        """The number that the server reports; 0 where it has no such search attribute."""
        try:
            count = await self._client.count_workflows(stuck_query(), rpc_timeout=self._rpc_timeout)
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                return 0
            raise
        return count.count

    async def _list(self, query: str, at_most: int) -> list[WorkflowExecution]:
        executions = self._client.list_workflows(
            query, limit=at_most, page_size=at_most, rpc_timeout=self._rpc_timeout
        )
        return [execution async for execution in executions]

    async def _is_stuck(self, id: str, limit: asyncio.Semaphore) -> bool:
        """Whether a deployment is stuck; False where the server does not describe it.

        It was deleted after the list, or the server is busy: count and lists still have an answer.
        """
        async with limit:
            try:
                handle = self._client.get_workflow_handle(id)
                return is_stuck(await handle.describe(rpc_timeout=self._rpc_timeout))
            except RPCError:
                return False
