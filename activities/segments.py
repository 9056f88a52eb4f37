"""Activities on one segment; they run on the queue of the host that holds its folder."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from temporalio import activity

from activities.failures import translated
from activities.keeper import Keeper, Keepers, Ties
from deployments.errors import SegmentMoved
from deployments.ports import Attempts, Heartbeat, Host, Ticket
from deployments.segment import SegmentKey, SegmentOrder, SegmentResult, StopCause

__all__ = ["Mode", "SegmentInput", "Segments", "StopInput"]


class Mode(StrEnum):
    """Whether a segment may begin, or only be found."""

    START = "start"
    ATTACH = "attach"


@dataclass(frozen=True)
class SegmentInput:
    """What `run_segment` is told."""

    order: SegmentOrder
    mode: Mode


@dataclass(frozen=True)
class StopInput:
    """What `stop_segment` is told."""

    key: SegmentKey
    force: bool = False


class LocalAttempts(Attempts, Protocol):
    """What Temporal knows of attempts, and the tie of one that runs here."""

    def in_activity(self, ticket: Ticket) -> Heartbeat:
        """The tie of the attempt that is running in this worker."""
        ...


class Segments:
    """Runs and stops segments on this host."""

    def __init__(self, host: Host, attempts: LocalAttempts, keepers: Keepers) -> None:
        self._host = host
        self._attempts = attempts
        self._keepers = keepers

    @activity.defn
    async def run_segment(self, input: SegmentInput) -> SegmentResult:
        """Run one terraform command, or find the one that runs.

        Repeat: attaches to what is on this host; never starts a second terraform.
        Cancel: interrupts terraform once and waits; returns what it left.
        """
        info = activity.info()
        ticket = Ticket(
            token=info.task_token,
            attempt=info.attempt,
            workflow_id=info.workflow_id or "",
            run_id=info.workflow_run_id or "",
            phase=input.order.phase,
            may_start=input.mode is Mode.START and info.attempt == 1,
        )
        folder = self._host.segment(input.order.key)
        ties = Ties(ticket, self._attempts.in_activity(ticket), self._attempts)
        keeper = self._keepers.begin(folder, ties)
        work = asyncio.create_task(self._keepers.run(keeper, folder, input.order))
        with translated():
            try:
                return await _outlast(work, keeper)
            except SegmentMoved:
                # The owner of the claim completes this attempt by its token.
                activity.raise_complete_async()

    @activity.defn
    async def stop_segment(self, input: StopInput) -> None:
        """Ask the runner of a segment to stop terraform.

        Repeat: changes nothing, the first cause stays; force may be added.
        Cancel: nothing to do, it takes a moment.
        """
        self._host.segment(input.key).stop(StopCause.CANCEL, force=input.force)


async def _outlast(work: asyncio.Task[SegmentResult], keeper: Keeper) -> SegmentResult:
    """Await the keeper whatever is asked of the activity meanwhile; the keeper decides the end."""
    while True:
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.cancelled():
                raise
            details = activity.cancellation_details()
            if details is not None and details.cancel_requested:
                keeper.cancel()
            elif details is not None and details.worker_shutdown:
                keeper.leave()
            else:
                # Timed out, reset, or the workflow is gone: Temporal knows who owns it now.
                keeper.ask_now()
