"""Ships the log of steps to every sink, also when the step has long ended.

Each sink has its own task for each step, so a dead or slow one holds up nobody: not terraform,
not another sink, not the end of the deployment. A sink says itself which line it holds; the
shipper goes on behind it, forwards or back.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

from temporalio import activity

from deployments.errors import AnavaError, Unavailable
from deployments.events import EventChunk
from deployments.log_ports import LogSink, SinkStatus, StepLog
from deployments.step import StepKey

__all__ = ["SINK_GIVEN_UP", "LogShipper"]

# The reason why a sink lacks a log for good; it stands in the worker's log and in the cursor.
SINK_GIVEN_UP = "sink_given_up"

# Doubling from the first to the last, spread by half so that steps do not come in step.
_FIRST_PAUSE_SECONDS = 0.5
_LAST_PAUSE_SECONDS = 30.0
# New lines wake a shipper at once; this is for a wake-up that was missed.
_LOOK_SECONDS = 1.0


class LogShipper:
    """All shipments of this worker.

    Args:
        sinks: where logs go besides the event file.
        open_shipment: makes the shipment of a step.
        give_up_seconds: how long after its end a step is offered to a sink that fails.
    """

    def __init__(
        self,
        sinks: Sequence[LogSink],
        open_shipment: Callable[[StepKey], StepLog],
        give_up_seconds: float,
    ) -> None:
        self._sinks = sinks
        self._open = open_shipment
        self._give_up_seconds = give_up_seconds
        self._tasks: dict[tuple[StepKey, str], asyncio.Task[None]] = {}
        self._errors: dict[tuple[StepKey, str], str] = {}
        # Since when a sink lacks something without having caught up in between.
        self._behind: dict[tuple[StepKey, str], float] = {}
        self._shipments: dict[tuple[StepKey, str], StepLog] = {}

    async def generations(self) -> dict[str, str]:
        """The generation of each sink that answers."""
        found = {}
        for sink in self._sinks:
            with contextlib.suppress(Unavailable):
                found[sink.name] = await sink.generation()
        return found

    def begin(self, key: StepKey, only: str = "") -> None:
        """Ship a step until every sink, or this one, has its seal; a repeat changes nothing."""
        for sink in self._sinks:
            name = (key, sink.name)
            if only in {"", sink.name} and name not in self._tasks:
                shipment = self._shipments[name] = self._open(key)
                task = asyncio.create_task(self._ship(shipment, sink), name=f"ship {sink.name}")
                self._tasks[name] = task
                task.add_done_callback(lambda done, name=name: self._forget(name, done))  # type: ignore[misc]

    def states(self) -> list[SinkStatus]:
        """How each sink is just now; how late it is counts from the first time this was asked."""
        return [self._state(sink.name) for sink in self._sinks]

    async def close(self, seconds: float) -> None:
        """Give what is on its way so many seconds, then stop; the next worker goes on."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        for task in list(self._tasks.values()):
            task.cancel()

    def _forget(self, name: tuple[StepKey, str], task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # A mistake of ours; what is owed is tried again by the worker's next look.
            activity.logger.error("shipping to %s broke off", name[1], exc_info=error)
        self._tasks.pop(name, None)
        self._errors.pop(name, None)
        self._behind.pop(name, None)
        if shipment := self._shipments.pop(name, None):
            shipment.close()

    def _state(self, sink: str) -> SinkStatus:
        mine = {name: one for name, one in self._shipments.items() if name[1] == sink}
        lacks = {name: one.lines() - one.position(sink) for name, one in mine.items()}
        now = asyncio.get_running_loop().time()
        for name, lines in lacks.items():
            if lines > 0:
                self._behind.setdefault(name, now)
            else:
                self._behind.pop(name, None)
        late = {name: now - self._behind[name] for name in mine if name in self._behind}
        last = max(late, key=lambda name: late[name], default=None)
        return SinkStatus(
            name=sink,
            steps=len(mine),
            position=f"{last[0].deployment}/{last[0].step}-{mine[last].position(sink)}"
            if last
            else "",
            behind_lines=sum(max(0, lines) for lines in lacks.values()),
            late_seconds=round(max(late.values(), default=0.0), 1),
            error=next((self._errors[name] for name in mine if name in self._errors), ""),
        )

    async def _ship(self, shipment: StepLog, sink: LogSink) -> None:
        name = (shipment.key, sink.name)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                if await _step(shipment, sink):
                    return
            except (AnavaError, OSError) as error:
                self._errors[name] = str(error)
                activity.logger.warning("%s lags behind: %s", sink.name, error)
                if shipment.ended_seconds() > self._give_up_seconds:
                    activity.logger.error("%s: %s of %s", SINK_GIVEN_UP, sink.name, shipment.key)
                    shipment.give_up(sink.name, f"{SINK_GIVEN_UP}: {error}")
                    return
                # Not for secrets: it only spreads the load.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
                pause = min(2 * pause, _LAST_PAUSE_SECONDS)
            else:
                self._errors.pop(name, None)
                pause = _FIRST_PAUSE_SECONDS


async def _step(shipment: StepLog, sink: LogSink) -> bool:
    """Ship one chunk; whether the sink has the seal."""
    # Asked before the look, so that what is written meanwhile is not waited for.
    seal = shipment.seal()
    before = shipment.position(sink.name)
    chunk = await _gathered(shipment, sink, sealed=seal is not None)
    if chunk is not None:
        held = await sink.write(shipment.key.deployment, chunk)
    elif seal is not None:
        # Asked before the seal: what is lost in between is found by the seal or by the next one.
        generation = await sink.generation()
        held = await sink.seal(shipment.key.deployment, seal)
        if held == seal.lines + 1:
            shipment.finish(sink.name, seal, generation)
            return True
    else:
        await shipment.changed(_LOOK_SECONDS)
        return False
    shipment.advance(sink.name, held)
    if held == before:
        raise Unavailable("it took nothing and did not say why")
    return False


async def _gathered(shipment: StepLog, sink: LogSink, *, sealed: bool) -> EventChunk | None:
    """The next chunk; where a write costs much, lines gather first."""
    chunk = shipment.next_chunk(sink.name, sink.chunk_bytes)
    if chunk is not None and not sealed and len(chunk.data) < sink.chunk_bytes:
        await asyncio.sleep(sink.gather_seconds)
        chunk = shipment.next_chunk(sink.name, sink.chunk_bytes)
    return chunk
