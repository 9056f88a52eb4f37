"""Deletes data that are older than their limit: run directories, logs, artifacts, records, states.

Every worker runs a pass each hour; `anava retention` runs a pass, or reports by a dry run. A pass
may be killed at any point: each deletion is repeatable, and the next pass continues
(docs/adr/0038).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.local.folder_lock import exclusive
from deployments.errors import AnavaError
from deployments.retention import (
    DAY_SECONDS,
    Facts,
    Keep,
    KindReport,
    Stored,
    choose,
    reason_to_keep,
)
from worker.background_pass import failure_logged

__all__ = ["Retained", "Retention", "RetentionStore"]

_log = logging.getLogger("anava.worker")

# The limits are days.
_PASS_SECONDS = 3600.0


class RetentionStore(Protocol):
    """Data of deployments or stacks in a store."""

    async def entries(self) -> Sequence[Stored]:
        """The data of each deployment or stack; raises Unavailable."""

    async def remove(self, stored: Stored) -> bool:
        """Delete data; False where they are in use meanwhile. A repeat changes nothing.

        Raises Unavailable, or OSError: a part may be left, which `entries` then returns.
        """


@dataclass(frozen=True)
class Retained:
    """A kind of data, the limit in days, and where the data are.

    `of_stacks`: the data belong to stacks, not to deployments.
    """

    kind: str
    days: int
    store: RetentionStore
    of_stacks: bool = False


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
        protected: Callable[[], Awaitable[Mapping[str, Keep]]],
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
        """Run a pass each hour until cancelled."""
        while True:
            with failure_logged("the pass of the retention failed"):
                for report in await self.run_pass():
                    _write_log(report)
            await asyncio.sleep(_PASS_SECONDS)

    async def run_pass(self, *, dry_run: bool = False) -> list[KindReport]:
        """Delete the expired data, unless `dry_run`; raises Unavailable without Temporal.

        One pass at a time on a host.
        """
        async with exclusive(self._run_root):
            if not dry_run:
                await asyncio.to_thread(self._sweep)
            now, protected = await self._now(), await self._protected()
            return [
                await self._run_kind(kind, protected, now, dry_run=dry_run) for kind in self._kinds
            ]

    async def _run_kind(
        self, kind: Retained, protected: Mapping[str, Keep], now: float, *, dry_run: bool
    ) -> KindReport:
        report = KindReport(kind.kind, kind.days)
        try:
            expired: list[Stored] = []
            for stored in await kind.store.entries():
                reason = reason_to_keep(stored, protected, now - kind.days * DAY_SECONDS)
                if reason is None:
                    expired.append(stored)
                else:
                    report.keep(stored, reason)
            for stored, reason in await self._choose(kind, expired):
                if reason is None and not dry_run:
                    await _remove(kind.store, stored, report)
                elif reason is None:
                    report.expired.add(stored)
                else:
                    report.keep(stored, reason)
        except (AnavaError, OSError) as error:
            report.error = str(error)
        return report

    async def _choose(
        self, kind: Retained, expired: Iterable[Stored]
    ) -> Sequence[tuple[Stored, Keep | None]]:
        if kind.of_stacks:
            return [(stored, None) for stored in expired]
        expired = list(expired)
        facts = {stored.id: stored.facts or await self._facts(stored.id) for stored in expired}
        return choose(expired, facts)


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
        report.keep(stored, Keep.BUSY)


def _write_log(report: KindReport) -> None:
    if report.error:
        _log.warning("retention of %s: %s", report.kind, report.error)
    if report.expired.count:
        _log.info(
            "retention deleted %s %s older than %s days, %s bytes",
            *(report.expired.count, report.kind, report.days, report.expired.size_bytes),
        )
