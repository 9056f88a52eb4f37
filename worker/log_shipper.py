"""Ships the logs of steps to every sink, also after the step has ended.

Each pair of step and sink has a task: a dead or slow sink delays neither terraform nor
another sink nor the end of the deployment. A sink reports the last stored line; the shipper
resumes after this line, also backwards.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

from temporalio import activity

from deployments.errors import AnavaError, Unavailable
from deployments.events import EventChunk
from deployments.log_ports import LogSink, SinkStatus
from deployments.step import StepKey
from worker.steps.log_cursor import StepLogFile

__all__ = ["SINK_GIVEN_UP", "LogShipper"]

# The reason in the worker's log and in the cursor when a sink permanently lacks a log.
SINK_GIVEN_UP = "sink_given_up"

# Exponential back-off; half of each pause is random, so that steps do not retry together.
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 30.0
# Longest delay after a missed change notification.
_POLL_SECONDS = 1.0


class LogShipper:
    """Ships a worker's logs; abandons a failing sink `give_up_seconds` after a step's end."""

    def __init__(
        self,
        sinks: Sequence[LogSink],
        open_log: Callable[[StepKey], StepLogFile],
        give_up_seconds: float,
    ) -> None:
        self._sinks = sinks
        self._open = open_log
        self._give_up_seconds = give_up_seconds
        self._tasks: dict[tuple[StepKey, str], asyncio.Task[None]] = {}
        self._errors: dict[tuple[StepKey, str], str] = {}
        # The time at which a sink was first seen to lack lines of a log.
        self._behind: dict[tuple[StepKey, str], float] = {}
        self._logs: dict[tuple[StepKey, str], StepLogFile] = {}

    async def generations(self) -> dict[str, str]:
        """The generation of each sink that responds."""
        generations = {}
        for sink in self._sinks:
            with contextlib.suppress(Unavailable):
                generations[sink.name] = await sink.generation()
        return generations

    def begin(self, key: StepKey, only: str = "") -> None:
        """Ship a step until every sink, or the sink `only`, has the end record; idempotent."""
        for sink in self._sinks:
            name = (key, sink.name)
            if only in {"", sink.name} and name not in self._tasks:
                log = self._logs[name] = self._open(key)
                task = asyncio.create_task(self._ship(log, sink), name=f"ship {sink.name}")
                self._tasks[name] = task
                task.add_done_callback(lambda done, name=name: self._forget(name, done))  # type: ignore[misc]

    def statuses(self) -> list[SinkStatus]:
        """The status of each sink; `late_seconds` starts at the first call with missing lines."""
        return [self._status(sink.name) for sink in self._sinks]

    async def close(self, seconds: float) -> None:
        """Wait for tasks to end, then cancel them; the next worker resumes at the cursors."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        for task in list(self._tasks.values()):
            task.cancel()

    def _forget(self, name: tuple[StepKey, str], task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # A defect; the worker's next scan for unshipped logs begins the task again.
            activity.logger.error("shipping to %s failed", name[1], exc_info=error)
        self._tasks.pop(name, None)
        self._errors.pop(name, None)
        self._behind.pop(name, None)
        if log := self._logs.pop(name, None):
            log.close()

    def _status(self, sink: str) -> SinkStatus:
        logs = {name: log for name, log in self._logs.items() if name[1] == sink}
        lacks = {name: log.lines() - log.position(sink) for name, log in logs.items()}
        now = asyncio.get_running_loop().time()
        for name, lines in lacks.items():
            if lines > 0:
                self._behind.setdefault(name, now)
            else:
                self._behind.pop(name, None)
        late = {name: now - self._behind[name] for name in logs if name in self._behind}
        last = max(late, key=lambda name: late[name], default=None)
        return SinkStatus(
            name=sink,
            steps=len(logs),
            position=f"{last[0].deployment}/{last[0].step}-{logs[last].position(sink)}"
            if last
            else "",
            behind_lines=sum(max(0, lines) for lines in lacks.values()),
            late_seconds=round(max(late.values(), default=0.0), 1),
            error=next((self._errors[name] for name in logs if name in self._errors), ""),
        )

    async def _ship(self, log: StepLogFile, sink: LogSink) -> None:
        name = (log.key, sink.name)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                if await _ship_chunk(log, sink):
                    return
            except (AnavaError, OSError) as error:
                self._errors[name] = str(error)
                activity.logger.warning("%s lags behind: %s", sink.name, error)
                if log.ended_seconds() > self._give_up_seconds:
                    activity.logger.error("%s: %s of %s", SINK_GIVEN_UP, sink.name, log.key)
                    log.abandon(sink.name, f"{SINK_GIVEN_UP}: {error}")
                    return
                spread = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards no secret
                await asyncio.sleep(pause * spread)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            else:
                self._errors.pop(name, None)
                pause = _FIRST_PAUSE_SECONDS


async def _ship_chunk(log: StepLogFile, sink: LogSink) -> bool:
    """Ship the next chunk or the end record; True when the sink has sealed the log.

    Raises Unavailable when the sink accepted nothing.
    """
    # Before the chunk is read: lines written in between belong to the next call.
    record = log.end_record()
    before = log.position(sink.name)
    chunk = await _gathered(log, sink, sealed=record is not None)
    if chunk is not None:
        held = await sink.write(log.key.deployment, chunk)
    elif record is not None:
        # Before the seal: a loss in between is found by this seal or by the next generation.
        generation = await sink.generation()
        held = await sink.seal(log.key.deployment, record)
        if held == record.id.line:
            log.finish(sink.name, record, generation)
            return True
    else:
        await log.changed(_POLL_SECONDS)
        return False
    log.advance(sink.name, held)
    if held == before:
        raise Unavailable("the sink accepted no line and gave no cause")
    return False


async def _gathered(log: StepLogFile, sink: LogSink, *, sealed: bool) -> EventChunk | None:
    """The next chunk, after the sink's time for collecting lines."""
    chunk = log.next_chunk(sink.name, sink.chunk_bytes)
    if chunk is not None and not sealed and len(chunk.data) < sink.chunk_bytes:
        await asyncio.sleep(sink.gather_seconds)
        chunk = log.next_chunk(sink.name, sink.chunk_bytes)
    return chunk
