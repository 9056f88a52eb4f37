"""The keeper: follows one step, writes its log, keeps its tie to Temporal.

The same for a step that this worker started and for one that it adopted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from temporalio import activity

from deployments.credentials import CredentialProvider
from deployments.errors import AttemptGone, HandedOver, Unavailable
from deployments.ports import ActivityAttempts, ActivityToken, Heartbeat, StepFolder, StepStatus
from deployments.step import StepKey, StepOrder, StepOutcome, StepResult, StopCause
from worker.steps.credential_renewal import CredentialRenewal

__all__ = ["ActivityBinding", "Supervisor", "Supervisors"]

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
class ActivityBinding:
    """What ties a step to Temporal: its attempt, and who can be asked about it."""

    activity_token: ActivityToken
    heartbeat: Heartbeat
    attempts: ActivityAttempts


class Supervisor:
    """Looks after one step until its result is known.

    Args:
        folder: the step.
        ties: the attempt it belongs to.
        ship: begins to give the step's log to the sinks; nobody waits for them.
        mint: makes the tokens that terraform needs.
    """

    def __init__(
        self,
        folder: StepFolder,
        binding: ActivityBinding,
        ship: Callable[[StepKey], None],
        provider: CredentialProvider,
    ) -> None:
        self._folder = folder
        self._binding = binding
        self._ship = ship
        self._renewal = CredentialRenewal(folder, provider)
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

    async def keep(self, order: StepOrder | None = None) -> StepResult:
        """Follow the step to its end.

        Args:
            order: what to do; None for a step that was ordered before.

        Returns:
            What it left behind; `not_started` where nothing had begun.

        Raises:
            Fenced: another worker has claimed it.
            AttemptGone: another attempt of the activity will look after it.
            HandedOver: `leave` was called.
            HostFault: it cannot be ordered here.
        """
        self._folder.claim(self._binding.activity_token)
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

    def _begin(self, order: StepOrder | None) -> bool:
        """Whether there is anything to follow."""
        step_status = self._folder.look()
        may_start = self._binding.activity_token.may_start
        if order is not None and may_start and not step_status.ordered:
            self._folder.place(order)
            return True
        if not step_status.ordered:
            return False
        if not may_start and not step_status.started and not step_status.ended:
            self._folder.withdraw()
        return True

    def _not_started(self) -> StepResult:
        activity_token = self._binding.activity_token
        return StepResult(self._folder.key, activity_token.phase, StepOutcome.NOT_STARTED)

    async def _follow(self) -> StepResult:
        clock = asyncio.get_running_loop().time
        ended_at = None
        while True:
            step_status = self._folder.look()
            if step_status.ended:
                ended_at = clock() if ended_at is None else ended_at
                if not step_status.alive or clock() - ended_at > _LAST_BREATH_SECONDS:
                    break
            else:
                await self._nudge(step_status, clock())
            lines = await self._folder.pump()
            if step_status.ended:
                await asyncio.sleep(_CLOSING_LOOK_SECONDS)
                continue
            if lines >= _BURST_LINES:
                await asyncio.sleep(_REST_SECONDS)
            await self._folder.changed(_BEAT_SECONDS)
        await self._folder.pump()
        await self._folder.close_log()
        return self._folder.result()

    async def _nudge(self, step_status: StepStatus, now: float) -> None:
        """Start a runner where one is missing."""
        missing = not step_status.watched if step_status.started else not step_status.alive
        if not missing or not self._leased or now < self._next_start:
            return
        # Without a credential terraform would only fail; one that is to stop needs none.
        if not (step_status.started or step_status.stopping or self._renewal.ready):
            return
        self._next_start = now + _START_AGAIN_SECONDS
        if step_status.started:
            await self._folder.finish()
        elif self._starts < _MOST_STARTS:
            self._starts += 1
            await self._folder.start()
        else:
            self._folder.withdraw()

    async def _renew(self) -> None:
        await self._renewal.run()
        # Nothing to renew: the step goes on without it.
        await asyncio.Event().wait()

    async def _pulse(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            self._folder.renew()
            if not self._orphan:
                self._binding.heartbeat.beat(self._folder.detail)
                if clock() >= due or self._hurry.is_set():
                    self._hurry.clear()
                    due = clock() + self._binding.heartbeat.acknowledge_seconds
                    await self._acknowledge()
                await self._report_overdue()
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
            go_on = await self._binding.heartbeat.acknowledge(self._folder.detail)
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

    async def _report_overdue(self) -> None:
        """Tell the workflow when something else takes far too long than a second ago."""
        overdue = self._folder.overdue()
        names = [item.address for item in overdue]
        if names == self._told:
            return
        try:
            await self._binding.attempts.report_overdue(
                self._binding.activity_token, overdue[:_MOST_OVERDUE]
            )
        except (AttemptGone, Unavailable):
            # With the next beat again; who owns the attempt is found out elsewhere.
            return
        self._told = names

    async def _on_gone(self) -> None:
        """Leave the step to another attempt, or stop it when nobody waits for it."""
        try:
            waited_for = await self._binding.attempts.is_pending(
                self._binding.activity_token, self._folder.key.activity_id
            )
        except Unavailable:
            return
        if waited_for:
            raise AttemptGone("another attempt looks after the step")
        activity.logger.warning("step %s belongs to nobody: stopping it", self._folder.key)
        self._orphan = True
        self._leased = True
        self._folder.stop(StopCause.ABANDONED)


class Supervisors:
    """All keepers of this worker."""

    def __init__(self, ship: Callable[[StepKey], None], provider: CredentialProvider) -> None:
        self._ship = ship
        self._provider = provider
        self._running: dict[str, Supervisor] = {}
        self.leaving = False

    def begin(self, folder: StepFolder, binding: ActivityBinding) -> Supervisor:
        """A keeper for a step; a worker that is going lets go at once."""
        supervisor = Supervisor(folder, binding, self._ship, self._provider)
        if self.leaving:
            supervisor.leave()
        return supervisor

    async def run(
        self, supervisor: Supervisor, folder: StepFolder, order: StepOrder | None
    ) -> StepResult:
        """Run a keeper, and know of it while it runs."""
        name = f"{folder.key.deployment}/{folder.key.step}"
        self._running[name] = supervisor
        try:
            return await supervisor.keep(order)
        finally:
            if self._running.get(name) is supervisor:
                del self._running[name]

    def looks_after(self, folder: StepFolder) -> bool:
        """Whether a keeper of this worker follows the step."""
        return f"{folder.key.deployment}/{folder.key.step}" in self._running

    @property
    def count(self) -> int:
        """How many steps this worker looks after."""
        return len(self._running)

    def leave(self) -> None:
        """Hand all steps to the next worker."""
        self.leaving = True
        for supervisor in self._running.values():
            supervisor.leave()

    def drain(self) -> None:
        """Stop every terraform that this worker looks after."""
        for supervisor in self._running.values():
            supervisor.drain()
