"""What runs in a Temporal, whoever owns it: for whoever is about to stop that Temporal."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.client import connect
from deployments.errors import TemporalUnavailable
from deployments.temporal_names import CANCEL_PREFIX

__all__ = ["RunningDeployments"]

_RPC = timedelta(seconds=5)
# A Temporal that was killed is back in 2 s (measured), after the longest pause of its
# supervisor in 7; the rest is for a slow machine.
_ANSWER_SECONDS = 20.0
_PAUSE_SECONDS = 0.2
_QUERY = "WorkflowType = 'DeploymentWorkflow' AND ExecutionStatus = 'Running'"


class RunningDeployments:
    """Deployments that have not ended, asked of Temporal itself: no API and no worker is needed.

    Args:
        environment: names the Temporal, as the worker and the API know it.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._client: Client | None = None

    async def ids(self) -> list[str]:
        """All of them; a new one is listed some 20 ms after its start (measured).

        Raises:
            TemporalUnavailable: no answer in 20 s.
        """
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                while (found := await self._listed()) is None:  # noqa: ASYNC110 - Temporal is asked
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            raise TemporalUnavailable("Temporal does not answer.") from None
        return found

    async def cancel(self, deployment: str, by: str, reason: str) -> bool:
        """Ask for a cancel; whether Temporal took it, or knows that the deployment has ended."""
        words = CANCEL_PREFIX + json.dumps({"by": by, "reason": reason})
        try:
            handle = (await self._connected()).get_workflow_handle(deployment)
            await handle.cancel(reason=words, rpc_timeout=_RPC)
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        except TemporalUnavailable:
            return False
        return True

    async def _listed(self) -> list[str] | None:
        try:
            found = (await self._connected()).list_workflows(_QUERY, rpc_timeout=_RPC)
            return [item.id async for item in found]
        except (RPCError, TemporalUnavailable):
            return None

    async def _connected(self) -> Client:
        if self._client is None:
            self._client = await connect(self._environment)
        return self._client
