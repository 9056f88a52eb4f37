"""Re-attachment: this worker supervises the running steps of workers that are gone."""

import asyncio
from contextlib import suppress

from temporalio import activity

from deployments.errors import AnavaError, AttemptGone, HandedOver, StepMoved, Unavailable
from deployments.execution import WorkflowState
from deployments.step import StepKey, StepResult
from worker.background_pass import failure_logged
from worker.host import WorkerHost
from worker.steps.folder import StepFolder
from worker.steps.supervisor import ActivityAttempts, Heartbeat
from worker.steps.supervisors import Supervisors

__all__ = ["Reattachment"]

_DELIVERY_RETRY_SECONDS = 1.0
# Closing the run directory of a terminated deployment is not urgent.
_CLEANUP_SECONDS = 30.0


class Reattachment:
    """Scans the run root every `scan_seconds` and re-attaches to steps with a stale claim."""

    def __init__(
        self,
        host: WorkerHost,
        attempts: ActivityAttempts,
        supervisors: Supervisors,
        scan_seconds: float,
    ) -> None:
        self._host = host
        self._attempts = attempts
        self._supervisors = supervisors
        self._scan_seconds = scan_seconds
        self._tasks: dict[StepKey, asyncio.Task[None]] = {}
        self._cleanup_due = asyncio.Event()

    async def run(self) -> None:
        """Scan until the worker hands over; log a failed scan and repeat."""
        while not self._supervisors.handing_over:
            with failure_logged("a scan of the run root failed"):
                self.scan()
            await asyncio.sleep(self._scan_seconds)

    async def close_abandoned(self) -> None:
        """Close run directories without a workflow until the task is cancelled.

        Beside the scan: a directory takes 90 s where a process is alive and the state's store away.
        """
        while True:
            self._cleanup_due.clear()
            with failure_logged("a scan for abandoned deployments failed"):
                await self._close_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLEANUP_SECONDS):
                    await self._cleanup_due.wait()

    def scan(self) -> None:
        """Start a task for every step whose claim is stale now."""
        for step in self._host.stale_steps():
            key = step.key
            if key not in self._tasks and not self._supervisors.is_supervised(key):
                name = f"re-attach {key.deployment}/{key.step}"
                task = asyncio.create_task(self._reattach(step), name=name)
                self._tasks[key] = task
                task.add_done_callback(lambda _, key=key: self._tasks.pop(key, None))  # type: ignore[misc]

    async def finish(self) -> None:
        """Wait for the re-attached steps, which end soon after a hand-over or a drain."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _reattach(self, step: StepFolder) -> None:
        activity_token = step.claims.activity_token()
        if activity_token is None:
            return
        try:
            if step.runner.status().sealed and not await self._attempts.is_pending(
                activity_token, step.key.activity_id
            ):
                # The result was delivered; the worker died before marking the step.
                step.close()
                return
            supervisor = self._supervisors.reattach(step, activity_token)
            activity.logger.info("re-attaching to %s", step.key)
            result = await supervisor.run()
            await self._deliver(self._attempts.heartbeat(activity_token), result)
            step.close()
            # It may have been the last step of a deployment whose workflow is gone.
            self._cleanup_due.set()
        except StepMoved as moved:
            activity.logger.info("another worker supervises %s: %s", step.key, moved)
        except (AnavaError, OSError) as error:
            activity.logger.warning("re-attaching to %s failed: %s", step.key, error)

    async def _deliver(self, attempt: Heartbeat, result: StepResult) -> None:
        while not self._supervisors.handing_over:
            try:
                await attempt.complete(result)
            except AttemptGone:
                return
            except Unavailable:
                await asyncio.sleep(_DELIVERY_RETRY_SECONDS)
            else:
                return
        raise HandedOver("this worker shuts down; the next worker delivers the result")

    async def _close_all(self) -> None:
        """Close the run directories of deployments that ended without `finalize_deployment`."""
        for deployment in (*self._host.pending.uncleared(), *self._host.idle_deployments()):
            with failure_logged(f"{deployment} is not closed yet"):
                await self._close(deployment)

    async def _close(self, deployment: str) -> None:
        """Close a run directory unless its workflow is open.

        A deployment that Temporal does not know would hold its place and its secrets for ever. A
        host that died between record and clearing, and was away for long, clears here.
        """
        state = await self._attempts.workflow_state(deployment)
        if state is WorkflowState.OPEN:
            return
        lost = state is WorkflowState.UNKNOWN
        if lost:
            activity.logger.error("Temporal does not know %s: closing it", deployment)
        await self._host.finalization.abandon(deployment, lost=lost)
