"""Follows the output of a step: events of the spool, and at the end the result."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from temporalio import activity

from adapters.local import atomic_files, disk_space
from adapters.local.event_file import EVENT_FILE
from adapters.local.inotify import FileWatch
from adapters.terraform import command
from adapters.terraform.output.events import Translator
from deployments.errors import RunDirectoryBroken
from deployments.phase import Phase
from deployments.size_limit import SizeLimit
from deployments.step import Resource, StepKey, StepOutcome, StepResult
from worker.steps.claims import Claims
from worker.steps.context import HostContext
from worker.steps.event_log import EventLog
from worker.steps.exit_record import ExitRecord, StepEvidence, interpret, read_exit
from worker.steps.order_file import find_order
from worker.steps.result_file import write_result
from worker.steps.runner_process import runner_errors, sha256_of

__all__ = ["SpoolFollower"]

# The files whose change wakes the supervisor; the worker's own writes do not.
_WATCHED_FILES = frozenset({"spool", "exit.json", "started.json", "stop.json"})
# Minimum time between two flushes of an event file: 1,000 lines/s give five lines a flush.
_FLUSH_PAUSE_SECONDS = 0.005


class SpoolFollower:
    """The events, progress and result of a step; without the claim, writing raises Fenced."""

    def __init__(
        self, run_directory: Path, folder: Path, key: StepKey, context: HostContext, claims: Claims
    ) -> None:
        self._work = run_directory / "work"
        self._folder = folder
        self._key = key
        self._context = context
        self._claims = claims
        self._log: EventLog | None = None
        self._watch: FileWatch | None = None
        self._resources = ExitStack()

    @property
    def detail(self) -> str:
        """The progress of the step as text for heartbeats."""
        log = self._log
        if log is None:
            return "starting"
        tally = log.accumulator.tally()
        total = sum(tally.values())
        done = tally["done"] + tally["unchanged"]
        return f"{self._claims.phase}: {done}/{total} resources, {log.lines} lines"

    def overdue(self) -> Sequence[Resource]:
        """The resources that take far longer than usual, as of the last `write_events`."""
        return self._log.accumulator.overdue() if self._log else []

    async def write_events(self) -> int:
        """Write events of terraform's new output; returns the number of lines."""
        if self._log is None and not (self._folder / "started.json").exists():
            # Before the start terraform prints nothing, and events need the start time.
            return 0
        try:
            log = self._open_log()
        except OSError as error:
            if not disk_space.is_full(error):
                raise
            # The spool has the lines; the end of the step waits until the log can be opened.
            return 0
        return await log.pump()

    async def wait_for_change(self, seconds: float) -> None:
        """Return when a file of the step has changed, after `seconds` at the latest."""
        if self._watch is None:
            # The watch sees changes from now on; the caller reads once more for earlier changes.
            self._watch = self._resources.enter_context(
                self._context.changes.watch(self._folder, _WATCHED_FILES)
            )
            return
        await asyncio.sleep(_FLUSH_PAUSE_SECONDS)
        await self._watch.changed(seconds)

    def wake(self) -> None:
        """Make `wait_for_change` return at once."""
        if self._watch is not None:
            self._watch.notify(None)

    async def seal(self) -> None:
        """Write the end record, after terraform has ended and all events are written."""
        await self._open_log().close(self._exit_record().spool_hole)

    def result(self) -> StepResult:
        """The ended step's result; raises RunDirectoryBroken without a valid exit record."""
        record = self._exit_record()
        log = self._open_log()
        phase = self._claims.phase
        plan = self._work / command.PLAN_FILE
        result = interpret(self._key, phase, record, log.accumulator, self._evidence(log, record))
        if phase is Phase.PLAN and plan.exists():
            return replace(result, plan_sha256=sha256_of(plan))
        return result

    def _exit_record(self) -> ExitRecord:
        record = read_exit(self._folder)
        if record is None:
            raise RunDirectoryBroken("the step has not ended")
        return record

    def _evidence(self, log: EventLog, record: ExitRecord) -> StepEvidence:
        order = find_order(self._folder)
        is_lost = record.outcome == StepOutcome.RUNNER_LOST
        return StepEvidence(
            log.seal,
            self._claims.epoch,
            crash=log.crash,
            limit_seconds=order.limit_seconds(record.cause) if order else 0,
            runner_errors=runner_errors(self._folder) if is_lost else "",
        )

    def store_result(self, result: StepResult) -> None:
        """Store the complete result for `finalize_deployment`."""
        self._claims.check()
        try:
            write = partial(write_result, self._folder, result)
            disk_space.with_reserve(self._folder, write)
        except OSError as error:
            # A full disk: what Temporal has of the result decides the end.
            activity.logger.warning("cannot store the result of %s: %s", self._key, error)

    def close(self) -> None:
        """Close the event file and the watch."""
        self._resources.close()

    def _open_log(self) -> EventLog:
        if self._log is None:
            started = atomic_files.read(self._folder / "started.json") or {}
            self._log = EventLog(
                folder=self._folder,
                key=self._key,
                translator=Translator(
                    self._key.step,
                    self._claims.phase,
                    str(started.get("started_at", "")),
                    self._context.redactor(self._key.deployment),
                ),
                check=self._claims.check,
                durations=self._context.durations,
                limit=SizeLimit(
                    self._context.log_limit_bytes,
                    partial(self._context.owners.log_share, self._key.deployment),
                    used_bytes=self._earlier_bytes(),
                ),
            )
            self._resources.callback(self._log.release)
        return self._log

    def _earlier_bytes(self) -> int:
        """The bytes of the logs of the deployment's earlier steps, which grow no more."""
        return sum(
            file.stat().st_size
            for file in self._folder.parent.glob(f"*/{EVENT_FILE}")
            if int(file.parent.name) < self._key.step
        )
