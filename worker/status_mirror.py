"""Keeps the mirror of every deployment's standing true; the deployment never knows of it."""

import asyncio
from collections.abc import Sequence

from temporalio import activity

from deployments.errors import Unavailable
from deployments.status_snapshot import StatusMirror, StatusSnapshot, StatusSnapshots
from deployments.transitions import is_terminal

__all__ = ["StatusMirrorLoop"]

# People see no difference below.
_LOOK_SECONDS = 1.0
# Temporal lists a change some time after it happened; a day, where a worker begins or reconciles.
_OVERLAP_SECONDS = 60.0
_DAY_SECONDS = 86_400.0
# Whatever went wrong unseen, by somebody else's hand too, is right again after this.
_RECONCILE_SECONDS = 600.0


class StatusMirrorLoop:
    """Every worker does this for all deployments; the mirror takes one of them at a time.

    Args:
        standings: the truth.
        mirror: the copy.
    """

    def __init__(self, snapshots: StatusSnapshots, mirror: StatusMirror) -> None:
        self._snapshots = snapshots
        self._mirror = mirror
        self._written: dict[str, StatusSnapshot] = {}

    async def run(self) -> None:
        """Look for ever; what fails is done again."""
        clock = asyncio.get_running_loop().time
        reconcile_at = clock()
        while True:
            back = _OVERLAP_SECONDS
            if whole := clock() >= reconcile_at:
                back = _DAY_SECONDS
                self._written.clear()
            try:
                await self.look(back)
            except Unavailable as error:
                activity.logger.warning("the status mirror lags behind: %s", error)
            else:
                reconcile_at = clock() + _RECONCILE_SECONDS if whole else reconcile_at
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self, back_seconds: float) -> None:
        """Write what has changed.

        Raises:
            Unavailable: not all could be written.
        """
        found = await self._snapshots.look(back_seconds)
        for item in self._changed(found):
            if await self._mirror.write(item):
                self._written[item.id] = item
        listed = {entry.id for entry in found}
        self._written = {id: one for id, one in self._written.items() if id in listed}

    def _changed(self, found: Sequence[StatusSnapshot]) -> list[StatusSnapshot]:
        return [
            item
            for item in found
            if (known := self._written.get(item.id)) != item
            # A list may be older than the one before; what has ended does not begin again.
            and not (known and is_terminal(known.status) and not is_terminal(item.status))
        ]
