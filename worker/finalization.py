"""The end of a deployment on this host: reconcile, record, clear; abandon without a record."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.results import Reconciliation
from deployments.step import StepOutcome, StepResult, StopCause
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.state_reconciliation import ReconciliationInput, reconcile
from worker.steps.context import HostContext
from worker.steps.folder import StepFolder, step_folders
from worker.steps.result_file import read_result

__all__ = ["Finalization"]

_log = logging.getLogger("anava.worker")

# For a terraform that outlived the step; later the deployment ends inconclusive.
_EXIT_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


class Finalization:
    """Ends deployments on this host; `errored_states` is a folder for operators alone."""

    def __init__(self, root: RunRoot, context: HostContext, errored_states: Path) -> None:
        self._root = root
        self._context = context
        self._errored_states = errored_states

    async def complete_results(
        self, deployment: str, steps: Sequence[StepResult]
    ) -> list[StepResult]:
        """The results as this host stored them, complete; the given result of any other step.

        A stored result with another outcome belongs to an execution that Temporal does not count.
        """
        directory = self._root.directory(deployment)
        stored = await asyncio.to_thread(
            lambda: [read_result(directory.step(step.key.step)) for step in steps]
        )
        return [
            complete if complete is not None and complete.outcome is step.outcome else step
            for step, complete in zip(steps, stored, strict=True)
        ]

    async def reconcile(self, deployment: str, steps: Sequence[StepResult]) -> Reconciliation:
        """Compare apply and state after an abnormal end; stops a terraform that is still running.

        Raises:
            TerraformUnusable: terraform does not answer.
        """
        alive = [step for step in self._steps(deployment) if step.runner.status().alive]
        for step in alive:
            step.runner.stop(StopCause.ABANDONED)
        if not await _wait_for_exit(alive):
            return Reconciliation(inconclusive=True)
        await self._free_locks(deployment)
        last = steps[-1] if steps else None
        directory = self._root.directory(deployment)
        if last is None or last.phase is not Phase.APPLY or not directory.work.is_dir():
            return Reconciliation()
        if last.outcome is StepOutcome.DONE and last.clean:
            return Reconciliation()
        return await reconcile(
            ReconciliationInput(
                work=directory.work,
                step_folder=directory.step(last.key.step),
                errored_states=self._errored_states / deployment,
                terraform=self._context.terraform,
                environment=self._context.environment(directory.home),
                redact=self._context.redactor(deployment).clean,
                plan_folder=_plan_folder(directory, steps),
            )
        )

    async def record(self, deployment: str, record_json: str) -> str:
        """Write the record; returns the stored record, after a repeat the first."""
        return await asyncio.to_thread(self._root.directory(deployment).record, record_json)

    async def clear(self, deployment: str) -> None:
        """Remove the files that only the work needed."""
        await asyncio.to_thread(self._root.directory(deployment).clear)

    async def abandon(self, deployment: str) -> None:
        """Close a run directory whose deployment has ended without a record."""
        await self._free_locks(deployment)
        directory = self._root.directory(deployment)
        directory.record('{"format": 1, "abandoned": true}')
        directory.clear()

    async def _free_locks(self, deployment: str) -> None:
        """Remove the state locks of our dead terraforms; log those that cannot be removed."""
        for step in self._steps(deployment):
            try:
                await asyncio.to_thread(step.free_lock)
            except Unavailable as error:
                _log.warning("%s may have left the lock of its state: %s", step.key, error)

    def _steps(self, deployment: str) -> list[StepFolder]:
        return step_folders(self._root.directory(deployment), self._context)


def _plan_folder(directory: RunDirectory, steps: Sequence[StepResult]) -> Path | None:
    """The folder of the last plan."""
    plans = (step.key.step for step in reversed(steps) if step.phase is Phase.PLAN)
    return next(map(directory.step, plans), None)


async def _wait_for_exit(steps: Sequence[StepFolder]) -> bool:
    """Wait until no process of the steps is alive; False after 60 s."""
    clock = asyncio.get_running_loop().time
    end = clock() + _EXIT_WAIT_SECONDS
    while any(step.runner.status().alive for step in steps):
        if clock() > end:
            return False
        # A poll, after an abnormal end only: releasing a lock raises no event.
        await asyncio.sleep(_POLL_SECONDS)
    return True
