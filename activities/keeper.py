"""The keeper: follows one segment, writes its log, keeps its tie to Temporal.

The same for a segment that this worker started and for one that it adopted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from temporalio import activity

from activities.renewing import Renewal
from deployments.credentials import CredentialMint
from deployments.errors import AttemptGone, HandedOver, Unavailable
from deployments.ports import Attempts, Heartbeat, SegmentFolder, Sight, Ticket
from deployments.segment import SegmentKey, SegmentOrder, SegmentOutcome, SegmentResult, StopCause

__all__ = ["Keeper", "Keepers", "Ties"]

# How often the claim is renewed and Temporal is told; a cancel comes back in about a second.
_BEAT_SECONDS = 1.0
# A runner that wrote its exit record needs milliseconds to close; what still lives then is
# named by `settle`, not waited for.
_LAST_BREATH_SECONDS = 5.0
# Until it has closed them; a look takes a twentieth of this, and nothing tells of a freed lock.
_CLOSING_LOOK_SECONDS = 0.002
# So many lines in one look are a burst of 10,000 a second. A look costs as much as 100 lines and
# 500 looks a second had taken a seventh of terraform's speed on two cores; rested in between
# there are 50, and nobody reads faster.
_BURST_LINES = 25
_REST_SECONDS = 0.02
# A runner starts in 30 ms; five that leave nothing behind say that this host cannot.
_MOST_STARTS = 5
_START_AGAIN_SECONDS = 1.0
# Terraform works on ten at once; a person reads the first few.
_MOST_OVERDUE = 10


@dataclass(frozen=True)
class Ties:
    """What ties a segment to Temporal: its attempt, and who can be asked about it."""

    ticket: Ticket
    heartbeat: Heartbeat
    attempts: Attempts


class Keeper:
    """Looks after one segment until its result is known.

    Args:
        folder: the segment.
        ties: the attempt it belongs to.
        ship: begins to give the segment's log to the sinks; nobody waits for them.
        mint: makes the tokens that terraform needs.
    """

    def __init__(
        self,
        folder: SegmentFolder,
        ties: Ties,
        ship: Callable[[SegmentKey], None],
        mint: CredentialMint,
    ) -> None:
        self._folder = folder
        self._ties = ties
        self._ship = ship
        self._renewal = Renewal(folder, mint)
        self._leaving = asyncio.Event()
        self._hurry = asyncio.Event()
        self._leased = False
        self._orphan = False
        self._starts = 0
        self._next_start = 0.0
        self._told: list[str] = []

    def leave(self) -> None:
        """Let the next worker go on; terraform is not touched."""
        self._leaving.set()

    def cancel(self) -> None:
        """Ask terraform to stop because the deployment was cancelled."""
        self._folder.stop(StopCause.CANCEL)

    def drain(self) -> None:
        """Ask terraform to stop because this host is emptied."""
        self._folder.stop(StopCause.DRAIN)

    def ask_now(self) -> None:
        """Ask Temporal about the attempt at once."""
        self._hurry.set()

    async def keep(self, order: SegmentOrder | None = None) -> SegmentResult:
        """Follow the segment to its end.

        Args:
            order: what to do; None for a segment that was ordered before.

        Returns:
            What it left behind; `not_started` where nothing had begun.

        Raises:
            Fenced: another worker has claimed it.
            AttemptGone: another attempt of the activity will look after it.
            HandedOver: `leave` was called.
            HostFault: it cannot be ordered here.
        """
        self._folder.claim(self._ties.ticket)
        if not self._begin(order):
            return self._not_started()
        follow = asyncio.create_task(self._follow(), name="follow")
        pulse = asyncio.create_task(self._pulse(), name="pulse")
        renewal = asyncio.create_task(self._renew(), name="renewal")
        leaving = asyncio.create_task(self._leaving.wait(), name="leaving")
        self._ship(self._folder.key)
        try:
            await asyncio.wait(
                {follow, pulse, renewal, leaving}, return_when=asyncio.FIRST_COMPLETED
            )
            if follow.done():
                return self._renewal.judged(follow.result())
            for lost in (pulse, renewal):
                if lost.done():
                    # It ends only by an error: the claim or the attempt is somebody else's.
                    lost.result()
            self._folder.release()
            raise HandedOver("this worker is going")
        finally:
            tasks: set[asyncio.Task[object]] = {follow, pulse, renewal, leaving}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, order: SegmentOrder | None) -> bool:
        """Whether there is anything to follow."""
        sight = self._folder.look()
        may_start = self._ties.ticket.may_start
        if order is not None and may_start and not sight.ordered:
            self._folder.place(order)
            return True
        if not sight.ordered:
            return False
        if not may_start and not sight.started and not sight.ended:
            self._folder.withdraw()
        return True

    def _not_started(self) -> SegmentResult:
        ticket = self._ties.ticket
        return SegmentResult(self._folder.key, ticket.phase, SegmentOutcome.NOT_STARTED)

    async def _follow(self) -> SegmentResult:
        clock = asyncio.get_running_loop().time
        ended_at = None
        while True:
            sight = self._folder.look()
            if sight.ended:
                ended_at = clock() if ended_at is None else ended_at
                if not sight.alive or clock() - ended_at > _LAST_BREATH_SECONDS:
                    break
            else:
                await self._nudge(sight, clock())
            lines = await self._folder.pump()
            if sight.ended:
                await asyncio.sleep(_CLOSING_LOOK_SECONDS)
                continue
            if lines >= _BURST_LINES:
                await asyncio.sleep(_REST_SECONDS)
            await self._folder.changed(_BEAT_SECONDS)
        await self._folder.pump()
        await self._folder.close_log()
        return self._folder.result()

    async def _nudge(self, sight: Sight, now: float) -> None:
        """Start a runner where one is missing."""
        missing = not sight.watched if sight.started else not sight.alive
        if not missing or not self._leased or now < self._next_start:
            return
        # Without a credential terraform would only fail; one that is to stop needs none.
        if not (sight.started or sight.stopping or self._renewal.ready):
            return
        self._next_start = now + _START_AGAIN_SECONDS
        if sight.started:
            await self._folder.finish()
        elif self._starts < _MOST_STARTS:
            self._starts += 1
            await self._folder.start()
        else:
            self._folder.withdraw()

    async def _renew(self) -> None:
        await self._renewal.run()
        # Nothing to renew: the segment goes on without it.
        await asyncio.Event().wait()

    async def _pulse(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            self._folder.renew()
            if not self._orphan:
                self._ties.heartbeat.beat(self._folder.detail)
                if clock() >= due or self._hurry.is_set():
                    self._hurry.clear()
                    due = clock() + self._ties.heartbeat.acknowledge_seconds
                    await self._acknowledge()
                await self._tell_overdue()
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_BEAT_SECONDS):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _acknowledge(self) -> None:
        """Renew the lease from the moment of sending; only an answer counts."""
        sent_at = self._folder.clock()
        try:
            go_on = await self._ties.heartbeat.acknowledge(self._folder.detail)
        except Unavailable:
            # Nobody answers: terraform goes on for as long as the lease lasts.
            return
        except AttemptGone:
            await self._on_gone()
            return
        self._folder.extend_lease(sent_at)
        if not self._leased:
            self._leased = True
            self._folder.wake()
        if not go_on:
            self._folder.stop(StopCause.CANCEL)

    async def _tell_overdue(self) -> None:
        """Tell the workflow when something else takes far too long than a second ago."""
        overdue = self._folder.overdue()
        names = [one.address for one in overdue]
        if names == self._told:
            return
        try:
            await self._ties.attempts.tell_overdue(self._ties.ticket, overdue[:_MOST_OVERDUE])
        except (AttemptGone, Unavailable):
            # With the next beat again; who owns the attempt is found out elsewhere.
            return
        self._told = names

    async def _on_gone(self) -> None:
        """Leave the segment to another attempt, or stop it when nobody waits for it."""
        try:
            waited_for = await self._ties.attempts.is_pending(
                self._ties.ticket, self._folder.key.activity_id
            )
        except Unavailable:
            return
        if waited_for:
            raise AttemptGone("another attempt looks after the segment")
        activity.logger.warning("segment %s belongs to nobody: stopping it", self._folder.key)
        self._orphan = True
        self._leased = True
        self._folder.stop(StopCause.ABANDONED)


class Keepers:
    """All keepers of this worker."""

    def __init__(self, ship: Callable[[SegmentKey], None], mint: CredentialMint) -> None:
        self._ship = ship
        self._mint = mint
        self._running: dict[str, Keeper] = {}
        self.leaving = False

    def begin(self, folder: SegmentFolder, ties: Ties) -> Keeper:
        """A keeper for a segment; a worker that is going lets go at once."""
        keeper = Keeper(folder, ties, self._ship, self._mint)
        if self.leaving:
            keeper.leave()
        return keeper

    async def run(
        self, keeper: Keeper, folder: SegmentFolder, order: SegmentOrder | None
    ) -> SegmentResult:
        """Run a keeper, and know of it while it runs."""
        name = f"{folder.key.deployment}/{folder.key.segment}"
        self._running[name] = keeper
        try:
            return await keeper.keep(order)
        finally:
            if self._running.get(name) is keeper:
                del self._running[name]

    def looks_after(self, folder: SegmentFolder) -> bool:
        """Whether a keeper of this worker follows the segment."""
        return f"{folder.key.deployment}/{folder.key.segment}" in self._running

    @property
    def count(self) -> int:
        """How many segments this worker looks after."""
        return len(self._running)

    def leave(self) -> None:
        """Hand all segments to the next worker."""
        self.leaving = True
        for keeper in self._running.values():
            keeper.leave()

    def drain(self) -> None:
        """Stop every terraform that this worker looks after."""
        for keeper in self._running.values():
            keeper.drain()
