"""Recovery of states that terraform could not save, and of the locks that it left.

`<data>/errored-states/<deployment>/` outlives the deployment (docs/adr/0024): `backend.tf.json`,
`recovery.json` with the stack and the terraforms that may have left a lock, and `errored.tfstate`
where terraform could not save the state. The folder is removed when the store has the state and no
lock of ours.
"""

import asyncio
import json
import logging
import shutil
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from adapters.local import atomic_files, disk_space
from adapters.local.folder_lock import exclusive
from adapters.local.folders import deployment_folder
from adapters.terraform.state import local_state
from adapters.terraform.state.backends import (
    BACKEND_FILE,
    LocalStateBackend,
    StateBackend,
    StateBackends,
)
from adapters.terraform.state.errored import ERRORED_STATE_FILE, read_errored_state
from adapters.terraform.state.gcs import StateLock
from adapters.terraform.state.own_locks import TerraformRun, dead_runs, free_own_lock
from adapters.terraform.state.state_file import complete_position, continues, position_of
from deployments.deployment_id import is_deployment_id
from deployments.errors import StateBeingRecovered, Unavailable
from worker.run_directory import RunDirectory
from worker.stack_states import StackStates
from worker.state_reconciliation import addresses_in
from worker.steps.event_log import SPOOL_FILE

__all__ = ["StateRecovery", "stack_of", "unsaved_state_in"]

_log = logging.getLogger("anava.worker")

_RECOVERY_FILE = "recovery.json"
# A state that does not continue the stored state stays here, for operators alone.
_REFUSED_FILE = "refused.tfstate"


class StateRecovery:
    """The recoveries of this host's deployments, in `folder`."""

    def __init__(self, folder: Path, states: StateBackends, stacks: StackStates) -> None:
        self._folder = folder
        self._states = states
        self._stacks = stacks

    async def begin(self, directory: RunDirectory, state: bytes) -> None:
        """Copy all that the recovery needs out of the run directory; a repeat changes nothing.

        `state` is the unsaved state, empty where the state is saved already. No terraform of the
        deployment may be alive. Raises Unavailable without Temporal.
        """
        deployment = directory.path.name
        copy = partial(_copy, directory, deployment_folder(self._folder, deployment), state)
        if not await asyncio.to_thread(disk_space.with_reserve, directory.path, copy):
            return
        backend = self._states.used_by(deployment_folder(self._folder, deployment))
        stack = directory.stack()
        if stack and backend is not None and (unsaved := self.unsaved_state(deployment)):
            await self._stacks.note_unsaved(stack, backend, unsaved)

    def unsaved_state(self, deployment: str) -> bytes:
        """The state that the store does not have yet; empty without one."""
        try:
            return (deployment_folder(self._folder, deployment) / ERRORED_STATE_FILE).read_bytes()
        except FileNotFoundError:
            return b""

    async def settle(self, deployment: str) -> bool:
        """Save the state, remove our lock, and forget the recovery; nothing to do without one.

        Returns:
            Whether a state was saved; False also for a state that the store has no earlier version
            of, which stays for operators.

        Raises:
            Unavailable: the store does not answer, or another process has locked the state.
            OSError: the state cannot be written to this host's disk.
        """
        folder = deployment_folder(self._folder, deployment)
        if not (folder / BACKEND_FILE).exists():
            return False
        saved = False
        async with exclusive(folder):
            backend = self._states.used_by(folder)
            if backend is None:
                # Another worker has settled the recovery meanwhile.
                return False
            recovery = _read(folder)
            if isinstance(backend, LocalStateBackend):
                # Again, since the disk may have been full at the end of the deployment.
                state = self.unsaved_state(deployment)
                await asyncio.to_thread(local_state.restore, backend.path, state, None)
            if (folder / ERRORED_STATE_FILE).exists():
                saved = await asyncio.to_thread(_save, folder, backend, recovery)
                await self._note(recovery.stack, backend)
            await asyncio.to_thread(free_own_lock, backend, recovery.runs)
            _forget(folder)
        return saved

    async def settle_stack(self, stack: str) -> None:
        """Settle the recoveries of a stack; raises StateBeingRecovered where one fails."""
        for deployment in self._pending():
            if _read(deployment_folder(self._folder, deployment)).stack != stack:
                continue
            try:
                await self.settle(deployment)
            except Unavailable as error:
                raise StateBeingRecovered(str(error)) from None

    async def settle_pending(self) -> None:
        """Settle all recoveries; a failure delays no other recovery."""
        for deployment in self._pending():
            try:
                await self.settle(deployment)
            except (Unavailable, OSError) as error:
                _log.warning("the state of %s is not saved yet: %s", deployment, error)
            else:
                _log.info("the state of %s is saved, and no lock is left", deployment)

    def _pending(self) -> Sequence[str]:
        names = (file.parent.name for file in self._folder.glob(f"*/{BACKEND_FILE}"))
        return sorted(filter(is_deployment_id, names))

    async def _note(self, stack: str, backend: StateBackend) -> None:
        if not stack:
            # Of a broken run directory.
            return
        try:
            await self._stacks.note(stack, backend)
        except Unavailable as error:
            # The record then names the saved state as not saved, which the next deployment finds.
            _log.warning("the record of the stack %s is not updated: %s", stack, error)


@dataclass(frozen=True)
class _Recovery:
    """The content of `recovery.json`: the stack, and terraforms that may have left a lock."""

    deployment: str
    stack: str
    runs: list[TerraformRun]

    def owns(self, lock: StateLock) -> bool:
        """Whether a terraform of the deployment or an earlier try of the recovery made the lock."""
        return lock.info == self.deployment or any(run.made(lock) for run in self.runs)


def unsaved_state_in(directory: RunDirectory) -> bytes:
    """The state that terraform wrote or printed and could not save; empty without one. Blocks."""
    steps = directory.steps()
    if not steps:
        return b""
    return read_errored_state(directory.work, directory.step(steps[-1]) / SPOOL_FILE)


def _copy(directory: RunDirectory, folder: Path, state: bytes) -> bool:
    """Copy state, backend and runs; False where there is nothing to recover."""
    runs = dead_runs([directory.step(number) for number in directory.steps()])
    backend = atomic_files.read_text(directory.work / BACKEND_FILE)
    if backend is None or not (state or runs):
        return False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if state:
        name = ERRORED_STATE_FILE if complete_position(state) else _REFUSED_FILE
        disk_space.replace_durably(folder / name, state, directory.path)
    content = {"stack": directory.stack(), "runs": [asdict(run) for run in runs]}
    atomic_files.replace(folder / _RECOVERY_FILE, content)
    # Last: a folder without this file is no recovery.
    atomic_files.replace(folder / BACKEND_FILE, backend)
    return True


def stack_of(folder: Path) -> str:
    """The stack of a recovery, also of one whose state was refused; empty when unknown."""
    return _read(folder).stack


def _read(folder: Path) -> _Recovery:
    content = atomic_files.read(folder / _RECOVERY_FILE) or {}
    runs = content.get("runs", [])
    return _Recovery(
        folder.name,
        str(content.get("stack", "")),
        [TerraformRun(**run) for run in runs] if isinstance(runs, list) else [],
    )


def _save(folder: Path, backend: StateBackend, recovery: _Recovery) -> bool:
    """Write the state under the state's lock; False for a refused state, kept for operators."""
    file = folder / ERRORED_STATE_FILE
    lock = _lock(backend, recovery)
    written = _write(backend, file.read_bytes())
    # Not before: until the store has the state, the lock keeps every terraform away.
    if lock is not None:
        backend.unlock(lock)
    if written:
        file.unlink()
    else:
        refused = file.replace(folder / _REFUSED_FILE)
        _log.error("the stored state is no earlier version of %s: compare both", refused)
    return written


def _lock(backend: StateBackend, recovery: _Recovery) -> StateLock | None:
    """Hold the state's lock: the lock of our dead terraform, or a lock of our own."""
    if not backend.lock_outlives_holder:
        return None
    lock = backend.lock() or backend.take(f"anava@{socket.gethostname()}", recovery.deployment)
    if lock is None or not recovery.owns(lock):
        holder = lock.who if lock is not None else "another process"
        raise Unavailable(f"The state is locked by {holder}.")
    return lock


def _write(backend: StateBackend, state: bytes) -> bool:
    """Write a state that continues the stored state; False for any other state."""
    has_state = True

    def change(stored: bytes) -> bytes | None:
        nonlocal has_state
        if _contains(stored, state):
            return None
        has_state = continues(position_of(stored), complete_position(state))
        return state if has_state else None

    backend.replace(change)
    return has_state


def _contains(stored: bytes, state: bytes) -> bool:
    """Whether the stored state is this state or a later version.

    The write may have arrived although the answer did not.
    """
    now, ours = position_of(stored), position_of(state)
    if now.lineage != ours.lineage or now.serial < ours.serial:
        return False
    if now.serial == ours.serial:
        return _resources(stored) == _resources(state)
    return addresses_in(state) <= addresses_in(stored)


def _resources(state: bytes) -> object:
    return json.loads(state)["resources"]


def _forget(folder: Path) -> None:
    """Remove a recovery; a refused state stays."""
    for name in (BACKEND_FILE, _RECOVERY_FILE):
        (folder / name).unlink(missing_ok=True)
    if not (folder / _REFUSED_FILE).exists():
        shutil.rmtree(folder)
