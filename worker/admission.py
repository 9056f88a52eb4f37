"""Admission: a host takes a deployment only when it has a place for it."""

import asyncio
from collections.abc import Callable

from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    WorkerTuner,
)

__all__ = ["shared_queue_tuner"]

# The places lie in the run root, shared by sibling workers; no event tells when one is free.
_LOOK_SECONDS = 0.5

# Workflow tasks take milliseconds; Temporal's own default is 100.
_WORKFLOW_TASKS = 100


class _Places(CustomSlotSupplier):
    """One permit for each free place; asked before a task is taken, so a full host takes none."""

    def __init__(self, taken: Callable[[], int], places: int) -> None:
        self._taken = taken
        self._places = places
        self._promised = 0

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        while (permit := self.try_reserve_slot(ctx)) is None:  # noqa: ASYNC110 - see _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)
        return permit

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        if self._taken() + self._promised >= self._places:
            return None
        self._promised += 1
        return SlotPermit()

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """The permit is kept until the activity has ended; its directory counts from then on."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        self._promised -= 1


def shared_queue_tuner(taken: Callable[[], int], places: int) -> WorkerTuner:
    """The tuner of the worker on the shared queue, whose only activity is `prepare`.

    Args:
        taken: how many deployments this host holds now, adopted ones too.
        places: how many it may hold.
    """
    few = FixedSizeSlotSupplier(1)
    return WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(_WORKFLOW_TASKS),
        activity_supplier=_Places(taken, places),
        local_activity_supplier=few,
        nexus_supplier=few,
    )
