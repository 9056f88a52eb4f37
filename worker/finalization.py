"""The end of a deployment on this host: reconcile, record, clear; abandon without a record."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from adapters.local.interruptions import LocalInterruptions
from adapters.terraform.state import local_state
from adapters.terraform.state.backends import LocalStateBackend
from adapters.terraform.state.errored import read_errored_state
from deployments.errors import Unavailable
from deployments.interruption import Interruption
from deployments.phase import Phase
from deployments.results import Reconciliation
from deployments.step import StepKey, StepOutcome, StepResult, StopCause
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.state_reconciliation import ReconciliationInput, reconcile
from worker.steps.context import HostContext
from worker.steps.event_log import SPOOL_FILE
from worker.steps.folder import StepFolder, step_folders

__all__ = ["Finalization"]

_log = logging.getLogger("anava.worker")

# For a terraform that outlived the step; later the deployment ends inconclusive.
_EXIT_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


class Finalization:
    """Ends deployments on this host; `errored_states` is a folder for operators alone."""

    def __init__(
        self,
        root: RunRoot,
        context: HostContext,
        errored_states: Path,
        interruptions: LocalInterruptions,
    ) -> None:
        self._root = root
        self._interruptions = interruptions
        self._context = context
        self._errored_states = errored_states

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
        restored = await asyncio.to_thread(self._restore_local_state, directory, last.key.step)
        return await reconcile(
            ReconciliationInput(
                work=directory.work,
                step_folder=directory.step(last.key.step),
                errored_states=self._errored_states / deployment,
                terraform=self._context.terraform,
                environment=self._context.environment(directory.home),
                redact=self._context.redactor(deployment).clean,
                restored=restored,
            )
        )

    def _restore_local_state(self, directory: RunDirectory, step: int) -> bool:
        """Repair a state on this disk that terraform could not write; False where not possible."""
        state = self._context.states.used_by(directory.work)
        if not isinstance(state, LocalStateBackend):
            return False
        local_state.remove_stale_lock_info(state.path)
        errored_state = read_errored_state(directory.work, directory.step(step) / SPOOL_FILE)
        try:
            return local_state.restore(state.path, errored_state, directory.path)
        except OSError as error:
            _log.error("the state of %s is not saved: %s", directory.path.name, error)
            return False

    async def record(self, deployment: str, record_json: str) -> str:
        """Write the record; returns the stored record, after a repeat the first."""
        return await asyncio.to_thread(self._root.directory(deployment).record, record_json)

    async def clear(self, deployment: str) -> None:
        """Remove the files that only the work needed.

        The interruptions that a completed deployment reported are settled.
        """
        directory = self._root.directory(deployment)
        if directory.has_completed():
            self._interruptions.forget(directory.stack())
        await asyncio.to_thread(directory.clear)

    async def abandon(self, deployment: str, *, lost: bool) -> None:
        """Close a run directory at rest whose workflow has ended without a record.

        Leaves what is to be reported to the stack's next deployment. `lost`: Temporal does not
        know the workflow.
        """
        directory = self._root.directory(deployment)
        steps = self._steps(deployment)
        number, phase = (steps[-1].key.step, steps[-1].phase()) if steps else (0, Phase.QUEUE)
        # However terraform ended: the state is compared with the progress.
        last = StepResult(StepKey(deployment, number), phase, StepOutcome.STOPPED)
        left = await self.reconcile(deployment, [last])
        interruption = Interruption(
            deployment, number, phase, lost, left.unrecorded, left.unknown, left.inconclusive
        )
        self._interruptions.add(directory.stack(), interruption)
        directory.clear()
        # Last, and found again after a death in between: with a record the directory is closed.
        directory.record('{"format": 1, "abandoned": true}')

    async def _free_locks(self, deployment: str) -> None:
        """Remove the state locks of our dead terraforms; log those that cannot be removed."""
        for step in self._steps(deployment):
            try:
                await asyncio.to_thread(step.free_lock)
            except Unavailable as error:
                _log.warning("%s may have left the lock of its state: %s", step.key, error)

    def _steps(self, deployment: str) -> list[StepFolder]:
        return step_folders(self._root.directory(deployment), self._context)


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
