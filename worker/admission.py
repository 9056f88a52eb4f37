"""Admission: a host accepts a deployment only when it has a free slot."""

import asyncio
import logging
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

_log = logging.getLogger("anava.worker")

# Sibling workers share the slots in the run root; a freed slot raises no event.
_POLL_SECONDS = 0.5

# Workflow tasks take milliseconds; Temporal's own default is 100.
_WORKFLOW_TASKS = 100


class _DeploymentSlots(CustomSlotSupplier):
    """A permit for each free slot; Temporal reserves a permit before it polls for a task."""

    def __init__(self, used: Callable[[], int], slots: int, has_space: Callable[[], bool]) -> None:
        self._used = used
        self._slots = slots
        self._has_space = has_space
        self._reserved = 0
        self._is_unreadable = False

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        while (permit := self.try_reserve_slot(ctx)) is None:  # noqa: ASYNC110 - see _POLL_SECONDS
            await asyncio.sleep(_POLL_SECONDS)
        return permit

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        """A permit, or None where the host is full.

        Also where its run root cannot be read: the SDK repeats a call that raises at once, which
        took a processor and 5 MB/s of memory (measured).
        """
        try:
            is_full = self._used() + self._reserved >= self._slots or not self._has_space()
        except OSError as error:
            if not self._is_unreadable:
                _log.error("no deployment is accepted, the run root cannot be read: %s", error)
            self._is_unreadable = True
            return None
        self._is_unreadable = False
        if is_full:
            return None
        self._reserved += 1
        return SlotPermit()

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """Nothing: the permit counts until the activity ends, then its run directory counts."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        self._reserved -= 1


def shared_queue_tuner(
    used: Callable[[], int], slots: int, has_space: Callable[[], bool]
) -> WorkerTuner:
    """Admits the shared queue's activities while this host has fewer than `slots` open deployments.

    While the disk has too little space, nothing is admitted: deployments wait for another host, or
    for space here.

    The activities are `prepare_deployment` and `check_project`.

    `used` counts the open deployments, re-attached deployments included.
    """
    unused = FixedSizeSlotSupplier(1)
    return WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(_WORKFLOW_TASKS),
        activity_supplier=_DeploymentSlots(used, slots, has_space),
        local_activity_supplier=unused,
        nexus_supplier=unused,
    )
