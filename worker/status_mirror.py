"""Copies the status of every deployment from Temporal to a mirror for clients that listen."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from deployments.execution import DeploymentSnapshot
from deployments.transitions import is_terminal
from worker.background_pass import failure_logged

__all__ = ["StatusMirrorLoop"]

# People do not notice a shorter delay.
_INTERVAL_SECONDS = 1.0
# Temporal lists a change with a delay, so each read overlaps the last by this much.
_OVERLAP_SECONDS = 60.0
# The first read of a worker, and each reconciliation, covers a day.
_DAY_SECONDS = 86_400.0
# A document that drifted from the truth, also by a foreign write, is correct again after this.
_RECONCILE_SECONDS = 600.0


class RecentExecutions(Protocol):
    """The Temporal gateway's list; raises `TemporalUnavailable`."""

    async def list_recent(self, seconds: float) -> Sequence[DeploymentSnapshot]: ...


class StatusMirror(Protocol):
    """A copy of every deployment's status; only customers' clients read the copy."""

    async def write(self, snapshot: DeploymentSnapshot) -> bool:
        """Replace the copy of a deployment unless equal; raises Unavailable.

        False when the copy is newer or was written less than a second ago: the caller reads
        Temporal again before the next write.
        """


class StatusMirrorLoop:
    """Mirrors all deployments; every worker runs a loop, and the mirror accepts all."""

    def __init__(self, executions: RecentExecutions, mirror: StatusMirror) -> None:
        self._executions = executions
        self._mirror = mirror
        self._written: dict[str, DeploymentSnapshot] = {}

    async def run(self) -> None:
        """Copy changes every second until cancelled; failed writes are repeated."""
        clock = asyncio.get_running_loop().time
        reconcile_at = clock()
        while True:
            seconds = _OVERLAP_SECONDS
            if reconcile := clock() >= reconcile_at:
                seconds = _DAY_SECONDS
                self._written.clear()
            with failure_logged("the status mirror is late"):
                await self.copy_changes(seconds)
                reconcile_at = clock() + _RECONCILE_SECONDS if reconcile else reconcile_at
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def copy_changes(self, seconds: float) -> None:
        """Write the changes of the last `seconds`; raises Unavailable unless all were written."""
        snapshots = await self._executions.list_recent(seconds)
        for snapshot in self._changed(snapshots):
            if await self._mirror.write(snapshot):
                self._written[snapshot.id] = snapshot
        listed = {snapshot.id for snapshot in snapshots}
        self._written = {id: snapshot for id, snapshot in self._written.items() if id in listed}

    def _changed(self, snapshots: Sequence[DeploymentSnapshot]) -> list[DeploymentSnapshot]:
        return [
            snapshot
            for snapshot in snapshots
            if (written := self._written.get(snapshot.id)) != snapshot
            # A list can be older than the list before it; a terminal status is final.
            and not (written and is_terminal(written.status) and not is_terminal(snapshot.status))
        ]
