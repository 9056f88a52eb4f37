"""Temporal's time, without trust in the clock of this machine."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    PollActivityTaskQueueRequest,
)
from temporalio.client import Client

from adapters.local import atomic_files
from adapters.temporal.client import translated
from deployments.errors import TemporalUnavailable

__all__ = ["TemporalClock"]

# A queue without tasks: a poll of it receives nothing.
_QUEUE = "anava-clock"
# A poll is listed within 20 ms (measured).
_LIMIT_SECONDS = 3.0
_LOOK_SECONDS = 0.01
# A clock drifts by milliseconds in this time. A server whose clock was set is followed this late.
_VALID_SECONDS = 60.0


class TemporalClock:
    """The time of the Temporal server, by which the ages of its reports are computed.

    No call answers the time. But the server notes the time at which a poll of a task queue began,
    so this clock polls a queue of its own and describes it, once a minute. In between the boot
    clock of this machine counts, which is never set.
    """

    def __init__(
        self, client: Client, boot_seconds: Callable[[], float] = atomic_files.boot_seconds
    ) -> None:
        self._client = client
        self._boot_seconds = boot_seconds
        self._measuring = asyncio.Lock()
        self._time = datetime.min.replace(tzinfo=UTC)
        self._measured_at = float("-inf")

    async def now(self) -> datetime:
        """The server's time, to about 20 ms; raises TemporalUnavailable."""
        async with self._measuring:
            if self._boot_seconds() - self._measured_at > _VALID_SECONDS:
                started_at = self._boot_seconds()
                self._time = await self._measure()
                self._measured_at = started_at
        return self._time + timedelta(seconds=self._boot_seconds() - self._measured_at)

    async def _measure(self) -> datetime:
        """The server's time at the beginning of a poll that begins now."""
        identity = f"clock-{uuid.uuid4().hex}"
        polling = asyncio.create_task(self._poll(identity))
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                # A poll that begins raises no event.
                while (poller := await self._poller(identity)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise TemporalUnavailable("Temporal did not report the time.") from None
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
        return poller.last_access_time.ToDatetime(tzinfo=UTC)

    async def _poll(self, identity: str) -> None:
        request = PollActivityTaskQueueRequest(
            namespace=self._client.namespace, task_queue=TaskQueue(name=_QUEUE), identity=identity
        )
        await self._client.workflow_service.poll_activity_task_queue(
            request, timeout=timedelta(seconds=_LIMIT_SECONDS)
        )

    async def _poller(self, identity: str) -> PollerInfo | None:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        with translated():
            queue = await self._client.workflow_service.describe_task_queue(
                request, timeout=timedelta(seconds=_LIMIT_SECONDS)
            )
        return next((poller for poller in queue.pollers if poller.identity == identity), None)
