"""The folder of a step on this host: claim, runner, output, credential and the mark of the end."""

import asyncio
import logging
from pathlib import Path

from adapters.local import atomic_files, disk_space
from adapters.terraform.state.own_locks import dead_runs, free_own_lock
from deployments.credentials import Credential
from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.refusal_causes import without_own_lock
from deployments.step import StepKey, StepResult
from worker.run_directory import RunDirectory
from worker.steps.claims import Claims
from worker.steps.context import HostContext
from worker.steps.order_file import find_order, read_order
from worker.steps.runner_process import RunnerProcess
from worker.steps.spool_follower import SpoolFollower

__all__ = ["StepFolder", "step_folders"]

_log = logging.getLogger("anava.worker")

_CLOSED_FILE = "closed"
_CREDENTIAL_FILE = "credential.json"


class StepFolder:
    """A step on this host, with or without a folder."""

    def __init__(self, run_directory: Path, key: StepKey, context: HostContext) -> None:
        self.key = key
        self._run_directory = RunDirectory(run_directory)
        self._work = self._run_directory.work
        self._folder = folder = run_directory / "steps" / str(key.step)
        self._context = context
        self.claims = Claims(folder, context.workers, context.worker)
        self.runner = RunnerProcess(run_directory, folder, context, self.claims.check)
        self.output = SpoolFollower(run_directory, folder, key, context, self.claims)

    def is_stale(self, stale_seconds: float) -> bool:
        """Whether the step was claimed, is not closed, and the worker is gone."""
        return not self.is_closed() and self.claims.is_stale(stale_seconds)

    def phase(self) -> Phase:
        """The phase of the step; the queue, in which nothing runs, for a step without an order."""
        order = find_order(self._folder)
        return order.phase if order else Phase.QUEUE

    def credential_reference(self) -> str:
        """The credential that terraform uses; empty where the step needs none or has no order."""
        order = find_order(self._folder)
        return order.credential_ref if order else ""

    def write_credential(self, credential: Credential) -> None:
        """Replace the token of the metadata endpoint, in a file of mode 0600; raises Fenced."""
        self.claims.check()
        # First, so that no output with the token precedes the redactor's knowledge of the token.
        self._run_directory.add_secrets([credential.token])
        path = self._folder / _CREDENTIAL_FILE
        atomic_files.replace(
            path,
            {
                "token": credential.token,
                # The boot clock is never set; the runner compares with the same clock.
                "until_boottime": atomic_files.boot_seconds() + credential.seconds,
                "email": credential.email,
                "project_id": read_order(self._folder).project_id,
            },
        )
        # The runner removes the file before writing the exit record; a later file is removed here.
        if (self._folder / "exit.json").exists():
            path.unlink(missing_ok=True)

    def release(self) -> None:
        """Close the step's files and let the next worker claim the step at once."""
        self.output.close()
        self.claims.release()

    def close(self) -> None:
        """Mark the step as closed: the result is delivered, and no worker claims it again."""
        self.output.close()
        path = self._folder / _CLOSED_FILE
        disk_space.with_reserve(path, lambda: path.touch(mode=0o600))

    def is_closed(self) -> bool:
        """Whether the step needs no supervisor any more."""
        return (self._folder / _CLOSED_FILE).exists()

    async def settle_lock(self, result: StepResult) -> StepResult:
        """Remove the state lock that a dead terraform of the deployment left.

        Returns the result, which does not name our own lock as the lock of another terraform.
        """
        if result.exit_code == 0 or self.runner.status().alive:
            return result
        directory = self._run_directory
        runs = dead_runs([directory.step(number) for number in directory.steps()])
        state = self._context.states.used_by(self._work) if runs else None
        if state is None:
            return result
        try:
            removed = await asyncio.to_thread(free_own_lock, state, runs)
        except Unavailable as error:
            _log.warning("%s may have left the lock of its state: %s", self.key, error)
            return result
        return without_own_lock(result) if removed else result


def step_folders(directory: RunDirectory, context: HostContext) -> list[StepFolder]:
    """The steps that have a folder in a run directory, by number."""
    return [
        StepFolder(directory.path, StepKey(directory.path.name, number), context)
        for number in directory.steps()
    ]
