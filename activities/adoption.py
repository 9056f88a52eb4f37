"""Adoption: a worker takes over segments that nobody looks after any more."""

import asyncio

from temporalio import activity

from activities.keeper import Keepers, Ties
from deployments.errors import (
    AnavaError,
    AttemptGone,
    HandedOver,
    SegmentMoved,
    Unavailable,
)
from deployments.ports import Attempts, Host, SegmentFolder
from deployments.segment import SegmentResult

__all__ = ["Adopter"]

_DELIVER_AGAIN_SECONDS = 1.0
# Closing a run directory of a terminated deployment is not urgent.
_SWEEP_SECONDS = 30.0


class Adopter:
    """Scans the run root and adopts."""

    def __init__(
        self, host: Host, attempts: Attempts, keepers: Keepers, scan_seconds: float
    ) -> None:
        self._host = host
        self._attempts = attempts
        self._keepers = keepers
        self._scan_seconds = scan_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Scan for ever; a scan that fails is made again."""
        clock = asyncio.get_running_loop().time
        sweep_at = clock()
        while not self._keepers.leaving:
            try:
                self.scan()
                if clock() >= sweep_at:
                    sweep_at = clock() + _SWEEP_SECONDS
                    await self._sweep()
            except (AnavaError, OSError) as error:
                activity.logger.warning("a scan of the run root failed: %s", error)
            await asyncio.sleep(self._scan_seconds)

    def scan(self) -> None:
        """Adopt every segment that is unclaimed now."""
        for folder in self._host.unclaimed():
            name = f"{folder.key.deployment}/{folder.key.segment}"
            if name not in self._tasks and not self._keepers.looks_after(folder):
                task = asyncio.create_task(self._adopt(folder), name=f"adopt {name}")
                self._tasks[name] = task
                task.add_done_callback(lambda _, name=name: self._tasks.pop(name, None))  # type: ignore[misc]

    async def finish(self) -> None:
        """Wait for the adopted segments; after `Keepers.leave` or `drain` they end soon."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _adopt(self, folder: SegmentFolder) -> None:
        ticket = folder.ticket()
        if ticket is None:
            return
        try:
            sight = folder.look()
            if sight.sealed and not await self._attempts.is_pending(ticket, folder.key.activity_id):
                # Its result was delivered; only the mark was missing.
                folder.settle()
                return
            ties = Ties(ticket, self._attempts.heartbeat(ticket), self._attempts)
            keeper = self._keepers.begin(folder, ties)
            activity.logger.info("adopting %s", folder.key)
            result = await self._keepers.run(keeper, folder, None)
            await self._deliver(ties, result)
            folder.settle()
        except SegmentMoved as moved:
            activity.logger.info("letting go of %s: %s", folder.key, moved)
        except (AnavaError, OSError) as error:
            activity.logger.warning("adopting %s failed: %s", folder.key, error)

    async def _deliver(self, ties: Ties, result: SegmentResult) -> None:
        while not self._keepers.leaving:
            try:
                await ties.heartbeat.complete(result)
            except AttemptGone:
                return
            except Unavailable:
                await asyncio.sleep(_DELIVER_AGAIN_SECONDS)
            else:
                return
        raise HandedOver("this worker is going; the next one delivers the result")

    async def _sweep(self) -> None:
        """Close what belongs to deployments that ended without `finalize`."""
        for deployment in self._host.resting():
            if await self._attempts.has_closed(deployment):
                await self._host.abandon(deployment)
