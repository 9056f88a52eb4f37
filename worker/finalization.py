"""The end of a deployment on this host: reconcile, record, clear; abandon without a record."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from adapters.local.interruptions import LocalInterruptions
from adapters.terraform.state import local_state
from adapters.terraform.state.backends import LocalStateBackend, read_state
from deployments.errors import Unavailable
from deployments.interruption import Interruption
from deployments.phase import Phase
from deployments.results import Reconciliation, Recovery
from deployments.step import StepKey, StepOutcome, StepResult, StopCause, last_step
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.stack_states import StackStates
from worker.state_reconciliation import reconcile
from worker.state_recovery import StateRecovery, unsaved_state_in
from worker.steps.context import HostContext
from worker.steps.folder import StepFolder, step_folders
from worker.steps.result_file import read_result

__all__ = ["Finalization"]

_log = logging.getLogger("anava.worker")

# For a terraform that outlived the step; later the deployment ends inconclusive.
_EXIT_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1
# A state is read again for this long after an abnormal end, since without the state the outcome is
# unknown. The workflow waits 300 s for all of `finalize_deployment`.
_STATE_WAIT_SECONDS = 30.0
_STATE_POLL_SECONDS = 2.0


class Finalization:
    """Ends deployments on this host."""

    def __init__(
        self,
        root: RunRoot,
        context: HostContext,
        stacks: StackStates,
        recovery: StateRecovery,
        interruptions: LocalInterruptions,
    ) -> None:
        self._root = root
        self._interruptions = interruptions
        self._context = context
        self._stacks = stacks
        self._recovery = recovery

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

        A state that terraform could not save is saved here, or later by the recovery. Raises
        Unavailable without Temporal.
        """
        alive = [step for step in self._steps(deployment) if step.runner.status().alive]
        for step in alive:
            step.runner.stop(StopCause.ABANDONED)
        if not await _wait_for_exit(alive):
            return Reconciliation(inconclusive=True)
        directory = self._root.directory(deployment)
        if not directory.work.is_dir():
            return Reconciliation()
        recovery = await self._recover(directory)
        # After a refused apply the deployment may have ended in the plan of the next try.
        last = last_step(steps, Phase.APPLY)
        if last is None or (last.outcome is StepOutcome.DONE and last.clean):
            return Reconciliation()
        state = self._recovery.unsaved_state(deployment) or await self._read_state(directory)
        if state is None and last is not steps[-1]:
            # The next try began, so the state of this one was whole.
            return Reconciliation()
        redact = self._context.redactor(deployment).clean
        return await asyncio.to_thread(
            reconcile,
            directory.step(last.key.step),
            state,
            recovery,
            redact,
            _plan_folder(directory, steps[: steps.index(last)]),
        )

    async def record(self, deployment: str, record_json: str) -> str:
        """Write the record; returns the stored record, after a repeat the first."""
        return await asyncio.to_thread(self._root.directory(deployment).record, record_json)

    async def clear(self, deployment: str, *, completed: bool) -> None:
        """Remove the files that only the work needed.

        The interruptions that a completed deployment reported are settled.
        """
        directory = self._root.directory(deployment)
        # After the loss of a run directory its stack is unknown.
        if completed and (stack := directory.stack()):
            self._interruptions.forget(stack)
        await asyncio.to_thread(directory.clear)

    async def abandon(self, deployment: str, *, lost: bool) -> None:
        """Close a run directory at rest whose workflow has ended without a record.

        Leaves what is to be reported to the stack's next deployment; nothing where the directory is
        broken, so that its stack is unknown. `lost`: Temporal does not know the workflow. A
        directory with a record, whose host died before it was cleared, is cleared.
        """
        directory = self._root.directory(deployment)
        if directory.has_ended():
            await self.clear(deployment, completed=directory.has_completed())
            return
        steps = self._steps(deployment)
        number, phase = (steps[-1].key.step, steps[-1].phase()) if steps else (0, Phase.QUEUE)
        # However terraform ended: the state is compared with the progress.
        last = StepResult(StepKey(deployment, number), phase, StepOutcome.STOPPED)
        left = await self.reconcile(deployment, [last])
        if stack := directory.stack():
            interruption = Interruption(
                deployment, number, phase, lost, left.unrecorded, left.unknown, left.inconclusive
            )
            self._interruptions.add(stack, interruption)
        else:
            _log.error("%s is closed without a report: its stack is unknown", deployment)
        await asyncio.to_thread(directory.clear)
        # Last, and found again after a death in between: with a record the directory is closed.
        directory.record('{"format": 1, "abandoned": true}')

    async def _recover(self, directory: RunDirectory) -> Recovery:
        """Begin the recovery of a state and a lock, try once, and update the stack's record."""
        deployment = directory.path.name
        unsaved = await asyncio.to_thread(unsaved_state_in, directory)
        saved = await asyncio.to_thread(self._restore_local_state, directory, unsaved)
        await self._recovery.begin(directory, b"" if saved else unsaved)
        try:
            saved |= await self._recovery.settle(deployment)
            await self._note(directory)
        except (Unavailable, OSError) as error:
            _log.warning("the state of %s is not settled yet: %s", deployment, error)
        if self._recovery.unsaved_state(deployment):
            return Recovery.PENDING
        return Recovery.SAVED if saved else Recovery.NONE

    def _restore_local_state(self, directory: RunDirectory, unsaved: bytes) -> bool:
        """Repair a state on this disk that terraform could not write; whether a state was saved.

        Before the recovery, which needs a whole state and, for its own copy, free space.
        """
        state = self._context.states.used_by(directory.work)
        if not isinstance(state, LocalStateBackend) or not directory.steps():
            return False
        local_state.remove_stale_lock_info(state.path)
        try:
            return local_state.restore(state.path, unsaved, directory.path)
        except (Unavailable, OSError) as error:
            _log.error("the state of %s is not saved: %s", directory.path.name, error)
            return False

    async def _note(self, directory: RunDirectory) -> None:
        backend = self._context.states.used_by(directory.work)
        if backend is not None and (stack := directory.stack()):
            await self._stacks.note(stack, backend)

    async def _read_state(self, directory: RunDirectory) -> bytes | None:
        """The state in the store; None when the store does not answer for 30 s."""
        backend = self._context.states.used_by(directory.work)
        clock = asyncio.get_running_loop().time
        end = clock() + _STATE_WAIT_SECONDS
        while backend is not None:
            try:
                state, _ = await asyncio.to_thread(read_state, backend)
            except Unavailable as error:
                _log.warning("the state of %s cannot be read: %s", directory.path.name, error)
                if clock() > end:
                    return None
                await asyncio.sleep(_STATE_POLL_SECONDS)
            else:
                return state
        return None

    def _steps(self, deployment: str) -> list[StepFolder]:
        return step_folders(self._root.directory(deployment), self._context)


def _plan_folder(directory: RunDirectory, steps: Sequence[StepResult]) -> Path | None:
    """The folder of the last plan."""
    plan = last_step(steps, Phase.PLAN)
    return directory.step(plan.key.step) if plan else None


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
