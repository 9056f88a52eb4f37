"""Adoption: a worker takes over steps that nobody looks after any more."""

import asyncio

from temporalio import activity

from deployments.errors import (
    AnavaError,
    AttemptGone,
    HandedOver,
    StepMoved,
    Unavailable,
)
from deployments.ports import ActivityAttempts, Host, StepFolder
from deployments.step import StepResult
from worker.steps.supervisor import ActivityBinding, Supervisors

__all__ = ["Reattachment"]

_DELIVER_AGAIN_SECONDS = 1.0
# Closing a run directory of a terminated deployment is not urgent.
_SWEEP_SECONDS = 30.0


class Reattachment:
    """Scans the run root and adopts."""

    def __init__(
        self, host: Host, attempts: ActivityAttempts, supervisors: Supervisors, scan_seconds: float
    ) -> None:
        self._host = host
        self._attempts = attempts
        self._supervisors = supervisors
        self._scan_seconds = scan_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Scan for ever; a scan that fails is made again."""
        clock = asyncio.get_running_loop().time
        sweep_at = clock()
        while not self._supervisors.leaving:
            try:
                self.scan()
                if clock() >= sweep_at:
                    sweep_at = clock() + _SWEEP_SECONDS
                    await self._sweep()
            except (AnavaError, OSError) as error:
                activity.logger.warning("a scan of the run root failed: %s", error)
            await asyncio.sleep(self._scan_seconds)

    def scan(self) -> None:
        """Adopt every step that is unclaimed now."""
        for folder in self._host.stale_steps():
            name = f"{folder.key.deployment}/{folder.key.step}"
            if name not in self._tasks and not self._supervisors.looks_after(folder):
                task = asyncio.create_task(self._reattach(folder), name=f"adopt {name}")
                self._tasks[name] = task
                task.add_done_callback(lambda _, name=name: self._tasks.pop(name, None))  # type: ignore[misc]

    async def finish(self) -> None:
        """Wait for the adopted steps; after `Keepers.leave` or `drain` they end soon."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _reattach(self, folder: StepFolder) -> None:
        activity_token = folder.activity_token()
        if activity_token is None:
            return
        try:
            step_status = folder.look()
            if step_status.sealed and not await self._attempts.is_pending(
                activity_token, folder.key.activity_id
            ):
                # Its result was delivered; only the mark was missing.
                folder.settle()
                return
            binding = ActivityBinding(
                activity_token, self._attempts.heartbeat(activity_token), self._attempts
            )
            supervisor = self._supervisors.begin(folder, binding)
            activity.logger.info("adopting %s", folder.key)
            result = await self._supervisors.run(supervisor, folder, None)
            await self._deliver(binding, result)
            folder.settle()
        except StepMoved as moved:
            activity.logger.info("letting go of %s: %s", folder.key, moved)
        except (AnavaError, OSError) as error:
            activity.logger.warning("adopting %s failed: %s", folder.key, error)

    async def _deliver(self, binding: ActivityBinding, result: StepResult) -> None:
        while not self._supervisors.leaving:
            try:
                await binding.heartbeat.complete(result)
            except AttemptGone:
                return
            except Unavailable:
                await asyncio.sleep(_DELIVER_AGAIN_SECONDS)
            else:
                return
        raise HandedOver("this worker is going; the next one delivers the result")

    async def _sweep(self) -> None:
        """Close what belongs to deployments that ended without `finalize`."""
        for deployment in self._host.idle_deployments():
            if await self._attempts.has_closed(deployment):
                await self._host.abandon(deployment)
