"""Deletes data that are older than their limit: run directories, logs, artifacts, records, states.

The workers of a host run a pass each hour; `anava retention` runs a pass, or reports by a dry run.
A pass may be killed at any point: each deletion is repeatable, and the next pass continues
(docs/adr/0038).
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.local.folder_lock import exclusive
from deployments.errors import AnavaError
from deployments.retention import (
    DAY_SECONDS,
    Facts,
    KindReport,
    RetainReason,
    Stored,
    choose,
    reason_to_retain,
)
from worker.background_pass import failure_logged

__all__ = ["IsRecorded", "Retained", "Retention", "RetentionStore"]

_log = logging.getLogger("anava.worker")

# The limits are days.
_PASS_SECONDS = 3600.0
# Less than the period by the adjustment of a clock in an hour, so that no hour is left out.
_RECENT_SECONDS = 3540.0
# An empty file in the run root, written at the end of a worker's pass.
_LAST_RUN_FILE = "retention"


IsRecorded = Callable[[str], Awaitable[bool]]


class RetentionStore(Protocol):
    """Data of deployments or stacks in a store."""

    async def entries(self, before: float = math.inf, /) -> Sequence[Stored]:
        """The data of each deployment or stack; raises Unavailable.

        Data that ended at `before` or later may lack the bytes and the store's own reason, which
        take reading the data.
        """

    async def remove(self, stored: Stored) -> bool:
        """Delete data; False where they are in use meanwhile. A repeat changes nothing.

        Raises Unavailable, or OSError: a part may be left, which `entries` then returns.
        """


@dataclass(frozen=True)
class Retained:
    """A kind of data, the limit in days, and where the data are.

    `is_recorded`, for data of stacks: whether the record of a stack names its state; raises
    Unavailable. None for data of deployments.
    """

    kind: str
    days: int
    store: RetentionStore
    is_recorded: IsRecorded | None = None


class Retention:
    """The kinds of data that this host can delete.

    `facts` reads the record of a deployment. `protected` returns the deployments and stacks of
    which nothing is deleted. `now` is the time; each raises Unavailable, and then nothing is
    deleted. `sweep` deletes the remains of killed workers.
    """

    def __init__(
        self,
        run_root: Path,
        kinds: Sequence[Retained],
        facts: Callable[[str], Awaitable[Facts | None]],
        protected: Callable[[], Awaitable[Mapping[str, RetainReason]]],
        now: Callable[[], Awaitable[float]],
        sweep: Callable[[], None],
    ) -> None:
        self._run_root = run_root
        self._kinds = kinds
        self._facts = facts
        self._protected = protected
        self._now = now
        self._sweep = sweep

    async def run(self) -> None:
        """Run a pass each hour until cancelled, unless another worker of the host did."""
        while True:
            with failure_logged("the pass of the retention failed"):
                for report in await self.run_if_due():
                    _write_log(report)
            await asyncio.sleep(_PASS_SECONDS)

    async def run_if_due(self) -> list[KindReport]:
        """Run a pass unless a worker of this host ended one within the hour.

        Data younger than their limit are reported without bytes. Raises Unavailable without
        Temporal.
        """
        last_pass = self._run_root / _LAST_RUN_FILE
        async with exclusive(self._run_root):
            # A time in the future is of a clock that was set back since.
            if 0 <= time.time() - _changed_at(last_pass) < _RECENT_SECONDS:
                return []
            reports = await self._run_pass(dry_run=False, complete=False)
            # On a full disk each worker runs a pass.
            with suppress(OSError):
                last_pass.touch(mode=0o600)
        return reports

    async def run_pass(self, *, dry_run: bool = False) -> list[KindReport]:
        """Delete the expired data, unless `dry_run`; raises Unavailable without Temporal.

        One pass at a time on a host.
        """
        async with exclusive(self._run_root):
            return await self._run_pass(dry_run=dry_run, complete=True)

    async def _run_pass(self, *, dry_run: bool, complete: bool) -> list[KindReport]:
        """Run a pass under the lock; `complete` counts the bytes of all data."""
        if not dry_run:
            await asyncio.to_thread(self._sweep)
        now, protected = await self._now(), await self._protected()
        reports = []
        for kind in self._kinds:
            before = now - kind.days * DAY_SECONDS
            report = KindReport(kind.kind, kind.days)
            try:
                stored = await kind.store.entries(math.inf if complete else before)
                expired = _expired(stored, protected, before, report)
                await self._delete(kind, expired, report, dry_run=dry_run)
            except (AnavaError, OSError) as error:
                report.error = str(error)
            reports.append(report)
        return reports

    async def _delete(
        self, kind: Retained, expired: Iterable[Stored], report: KindReport, *, dry_run: bool
    ) -> None:
        for stored, reason in await self._choose(kind, expired):
            if reason is None and not dry_run:
                await _remove(kind.store, stored, report)
            elif reason is None:
                report.expired.add(stored)
            else:
                report.retain(stored, reason)

    async def _choose(
        self, kind: Retained, expired: Iterable[Stored]
    ) -> Sequence[tuple[Stored, RetainReason | None]]:
        if kind.is_recorded is not None:
            return [
                (stored, RetainReason.RECORDED if await kind.is_recorded(stored.id) else None)
                for stored in expired
            ]
        expired = list(expired)
        facts = {stored.id: stored.facts or await self._facts(stored.id) for stored in expired}
        return choose(expired, facts)


def _expired(
    entries: Iterable[Stored],
    protected: Mapping[str, RetainReason],
    before: float,
    report: KindReport,
) -> list[Stored]:
    """The data that ended before a time and are not protected; adds all others to the report."""
    expired = []
    for stored in entries:
        reason = reason_to_retain(stored, protected, before)
        if reason is None:
            expired.append(stored)
        else:
            report.retain(stored, reason)
    return expired


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


async def _remove(store: RetentionStore, stored: Stored, report: KindReport) -> None:
    """Delete data; a file that cannot be deleted delays no other data."""
    try:
        is_removed = await store.remove(stored)
    except OSError as error:
        report.error = str(error)
        is_removed = False
    if is_removed:
        report.expired.add(stored)
    else:
        report.retain(stored, RetainReason.BUSY)


def _write_log(report: KindReport) -> None:
    if report.error:
        _log.warning("retention of %s: %s", report.kind, report.error)
    if report.expired.count:
        _log.info(
            "retention deleted %s %s older than %s days, %s bytes",
            *(report.expired.count, report.kind, report.days, report.expired.size_bytes),
        )
