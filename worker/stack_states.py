"""The states of stacks on this host: admits a stack whose state is the recorded state.

A state that lies on this host's disk, or one that the store did not take, is unknown to every other
host. The record of the stack names it (docs/adr/0024).
"""

import asyncio
import logging
from typing import Protocol

from adapters.terraform.state.backends import StateBackend, StateBackends, read_state
from adapters.terraform.state.state_file import position_of
from deployments.errors import (
    RecordUnreadable,
    StateUnreachable,
    TemporalUnavailable,
    Unavailable,
)
from deployments.stack_record import StackRecord, StatePosition, check_position
from worker.run_root import RunRoot

__all__ = ["StackRecords", "StackStates"]

_log = logging.getLogger("anava.worker")


class StackRecords(Protocol):
    """The records of all stacks; without an answer the methods raise Unavailable."""

    async def read(self, stack: str) -> StackRecord | None: ...
    async def write(self, stack: str, record: StackRecord) -> None: ...
    async def remove(self, stack: str) -> None: ...


class StackStates:
    """Compares and updates the records of the stacks that this host works on."""

    def __init__(self, root: RunRoot, states: StateBackends, records: StackRecords) -> None:
        self._root = root
        self._states = states
        self._records = records
        self._declared = False

    async def admit(self, stack: str) -> bytes:
        """Read the state of a stack that a deployment is about to change.

        Raises:
            StateOnAnotherHost: the state lies elsewhere.
            StateBeingRecovered: the store has an older state than the recorded state.
            StateReplaced: the store has another state.
            StateUnreachable: the store does not answer.
            RecordUnreadable: another program wrote the record.
        """
        backend = self._states.of(stack)
        location, record = self._location(backend), await self._records.read(stack)
        try:
            state, position = await asyncio.to_thread(read_state, backend)
        except Unavailable as error:
            check_position(record, location, None, self._root.host)
            raise StateUnreachable(str(error)) from None
        check_position(record, location, position, self._root.host)
        await self._write(stack, record, self._record(backend, position))
        return state

    async def note(self, stack: str, backend: StateBackend) -> None:
        """Record the version of a stack's state after a deployment; raises Unavailable.

        A state without resources is as good as none, so every host may continue.
        """
        _, position = await asyncio.to_thread(read_state, backend)
        if not position.resources:
            await self._records.remove(stack)
            return
        record = await self._replaceable(stack)
        await self._write(stack, record, self._record(backend, position))

    async def note_unsaved(self, stack: str, backend: StateBackend, state: bytes) -> None:
        """Record that this host has a state that the store did not take; raises Unavailable."""
        position = await asyncio.to_thread(position_of, state)
        record = await self._replaceable(stack)
        await self._write(stack, record, self._record(backend, position, saved=False))

    async def declare(self) -> None:
        """Record the states on this host's disk that have no record; raises Unavailable.

        Records are lost with Temporal's database. After a success nothing is left to do: each
        deployment records its state.
        """
        if self._declared:
            return
        for stack, backend in self._states.local():
            try:
                if await self._records.read(stack) is None:
                    await self.note(stack, backend)
            except TemporalUnavailable:
                raise
            except (Unavailable, RecordUnreadable) as error:
                _log.warning("the state of the stack %s is not recorded: %s", stack, error)
        self._declared = True

    async def _replaceable(self, stack: str) -> StackRecord | None:
        """Read the record that a write replaces; None also for a record of another program."""
        try:
            return await self._records.read(stack)
        except RecordUnreadable as error:
            _log.warning("%s It is replaced.", error)
            return None

    async def _write(self, stack: str, known: StackRecord | None, record: StackRecord) -> None:
        if known != record:
            await self._records.write(stack, record)

    def _record(
        self, backend: StateBackend, position: StatePosition, *, saved: bool = True
    ) -> StackRecord:
        return StackRecord(
            self._location(backend), self._root.host, position.lineage, position.serial, saved
        )

    def _location(self, backend: StateBackend) -> str:
        return backend.location or f"host:{self._root.host}"
