"""The supervisor of a step: ships the log, heartbeats to Temporal, renews claim and lease.

Started and re-attached steps have the same supervisor.
"""

import asyncio
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from adapters.local import disk_space
from adapters.local.atomic_files import boot_seconds
from deployments.errors import (
    AttemptGone,
    DiskFull,
    HandedOver,
    HostFault,
    NotAcceptedByApi,
    Unavailable,
)
from deployments.execution import WorkflowState
from deployments.step import (
    ActivityToken,
    Resource,
    StepKey,
    StepOrder,
    StepResult,
    StopCause,
)
from worker.steps.credential_renewal import CredentialProvider, CredentialRenewal
from worker.steps.runner_process import StepStatus
from worker.steps.supervised_step import SupervisedStep

__all__ = ["ActivityAttempts", "ActivityBinding", "Heartbeat", "Supervisor"]

# Period of claim renewals and heartbeats; a cancel arrives within about a second.
_HEARTBEAT_SECONDS = 1.0
# After the exit record a runner closes files in milliseconds. Later the step counts as ended
# although a process is alive, and finalize names that process.
_EXIT_WAIT_SECONDS = 5.0
# Poll interval while the runner closes its files: releasing a lock raises no event, and a poll
# takes 0.1 ms.
_EXIT_POLL_SECONDS = 0.002
# 25 lines in a read of the spool are a burst of 10,000 lines/s. A read costs as much as 100
# lines: 500 reads a second took a seventh of terraform's speed on two cores. This pause allows 50
# reads a second, faster than a person reads.
_BURST_LINES = 25
_BURST_PAUSE_SECONDS = 0.02
# A runner starts in 30 ms; after five starts without a result this host cannot start runners.
_MAX_STARTS = 5
_RESTART_SECONDS = 1.0
# Terraform works on ten resources at once.
_MAX_OVERDUE = 10
# Pauses between two signals double up to here: a workflow takes 10,000 signals, and each adds five
# events to the history.
_MAX_REPORT_PAUSE_SECONDS = 300.0


class Heartbeat(Protocol):
    """An attempt; raises AttemptGone after its end, TemporalUnavailable without an answer."""

    acknowledge_seconds: float
    """The period of `acknowledge`."""

    def beat(self, detail: str) -> None:
        """Send a heartbeat without waiting for an answer; never fails."""

    async def acknowledge(self, detail: str) -> bool:
        """Send a heartbeat and wait for the answer; False when the activity is cancelled."""
        ...

    async def complete(self, result: StepResult) -> None:
        """Deliver the result."""


class ActivityAttempts(Protocol):
    """Activity attempts and their workflows; without an answer raises TemporalUnavailable."""

    def in_activity(self, activity_token: ActivityToken) -> Heartbeat:
        """The attempt that runs in this worker."""
        ...

    def heartbeat(self, activity_token: ActivityToken) -> Heartbeat:
        """An attempt of another worker."""
        ...

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        """Whether the workflow waits for this activity, started or not."""
        ...

    async def workflow_state(self, workflow_id: str) -> WorkflowState:
        """Whether the newest run of the workflow is open."""
        ...

    async def report_overdue(
        self, activity_token: ActivityToken, resources: Sequence[Resource]
    ) -> None:
        """Signal all overdue resources; raises AttemptGone without a workflow."""


@dataclass(frozen=True)
class ActivityBinding:
    """Connects a step with Temporal: attempt, heartbeats and queries."""

    activity_token: ActivityToken
    heartbeat: Heartbeat
    attempts: ActivityAttempts


class Supervisor:
    """Follows a step until the result is known.

    `ship` starts shipping the step's log, and returns at once; `running` is the registry that lists
    this supervisor while `run` runs.
    """

    def __init__(
        self,
        step: SupervisedStep,
        binding: ActivityBinding,
        ship: Callable[[StepKey], None],
        credentials: CredentialProvider,
        running: MutableMapping[StepKey, "Supervisor"],
    ) -> None:
        self._step = step
        self._binding = binding
        self._ship = ship
        self._renewal = CredentialRenewal(step, credentials)
        self._running = running
        self._handing_over = asyncio.Event()
        self._acknowledge_due = asyncio.Event()
        self._leased = False
        self._abandoned = False
        self._starts = 0
        self._start_error = ""
        self._next_start = 0.0
        self._reported: list[str] = []
        self._report_at = 0.0
        self._report_pause = _HEARTBEAT_SECONDS

    def hand_over(self) -> None:
        """Leave the step to the next worker; terraform runs on."""
        self._handing_over.set()

    def stop(self, cause: StopCause) -> None:
        """Stop terraform by the stop ladder; the first cause stays."""
        try:
            self._step.runner.stop(cause)
        except OSError as error:
            # The runner stops terraform on a full disk by itself.
            if not disk_space.is_full(error):
                raise

    def acknowledge_now(self) -> None:
        """Send an acknowledged heartbeat at once; the answer shows whether the attempt is valid."""
        self._acknowledge_due.set()

    async def run(self, order: StepOrder | None = None) -> StepResult:
        """Follow the step to the end; `order` is None for a step with a placed order.

        Returns:
            The step's result; `not_started` without an order, `start_failed` where the order cannot
            be placed.

        Raises:
            Fenced: another worker has claimed the step.
            HandedOver: `hand_over` was called.
            HostFault: the step cannot run on this host.
        """
        key = self._step.key
        self._running[key] = self
        try:
            return await self._run(order)
        finally:
            if self._running.get(key) is self:
                del self._running[key]

    async def _run(self, order: StepOrder | None) -> StepResult:
        activity_token = self._binding.activity_token
        await self._claim(activity_token)
        try:
            is_ordered = self._attach(order)
        except (HostFault, NotAcceptedByApi) as fault:
            return await self._withdrawn(str(fault))
        if not is_ordered:
            return await self._withdrawn()
        output = asyncio.create_task(self._follow_output(), name="output")
        heartbeats = asyncio.create_task(self._heartbeat_loop(), name="heartbeats")
        credential = asyncio.create_task(self._renew_credential(), name="credential")
        hand_over = asyncio.create_task(self._handing_over.wait(), name="hand over")
        tasks: set[asyncio.Task[object]] = {output, heartbeats, credential, hand_over}
        self._ship(self._step.key)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if output.done():
                result = self._renewal.with_refusal(output.result())
                self._step.output.store_result(result)
                return result
            for loop in (heartbeats, credential):
                if loop.done():
                    # These loops end only by an error: claim or attempt belong to another worker.
                    loop.result()
            self._step.release()
            raise HandedOver("this worker shuts down")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._step.output.close()

    async def _claim(self, activity_token: ActivityToken) -> None:
        """Take the claim; on a full disk wait, but only for a step whose terraform may run.

        A full disk never ends such a step: the result would not be what terraform did.
        """
        while True:
            try:
                with disk_space.needing_space():
                    self._step.claims.take(activity_token)
            except DiskFull:
                if not self._step.runner.status().ordered:
                    raise
                await asyncio.sleep(_HEARTBEAT_SECONDS)
            else:
                return

    def _attach(self, order: StepOrder | None) -> bool:
        """Place the order of a first attempt; returns whether the step has an order."""
        status = self._step.runner.status()
        may_start = self._binding.activity_token.may_start
        if order is not None and may_start and not status.ordered and not status.ended:
            self._step.runner.place(order)
            return True
        if not status.ordered:
            return False
        if not may_start and not status.started and not status.ended:
            self._step.runner.withdraw()
        return True

    async def _withdrawn(self, error: str = "") -> StepResult:
        """End a step without an order: terraform never starts, and the log records that.

        With an `error` the step counts as failed to start.
        """
        # Another process may test the lock of the step for an instant, which raises no event.
        while not self._step.runner.withdraw(error):  # noqa: ASYNC110
            await asyncio.sleep(_EXIT_POLL_SECONDS)
        self._ship(self._step.key)
        try:
            return await self._end_of_output()
        finally:
            self._step.output.close()

    async def _follow_output(self) -> StepResult:
        clock = asyncio.get_running_loop().time
        runner, output = self._step.runner, self._step.output
        ended_at = None
        while True:
            status = runner.status()
            if status.ended:
                ended_at = clock() if ended_at is None else ended_at
                if not status.alive or clock() - ended_at > _EXIT_WAIT_SECONDS:
                    break
            else:
                await self._ensure_runner(status, clock())
            lines = await output.write_events()
            if status.ended:
                await asyncio.sleep(_EXIT_POLL_SECONDS)
                continue
            if lines >= _BURST_LINES:
                await asyncio.sleep(_BURST_PAUSE_SECONDS)
            await output.wait_for_change(_HEARTBEAT_SECONDS)
        return await self._end_of_output()

    async def _end_of_output(self) -> StepResult:
        """Write the rest of the log and the end record of an ended step, and settle its lock."""
        await self._step.output.write_events()
        await self._step.runner.wait()
        while not await self._sealed():  # noqa: ASYNC110 - freed space raises no event
            await asyncio.sleep(_HEARTBEAT_SECONDS)
        return await self._step.settle_lock(self._step.output.result())

    async def _sealed(self) -> bool:
        """Seal the log; False on a full disk whose reserve is used up."""
        try:
            await self._step.output.seal()
        except OSError as error:
            if not disk_space.is_full(error):
                raise
            activity.logger.warning("cannot seal the log of %s: %s", self._step.key, error)
            return False
        return True

    async def _ensure_runner(self, status: StepStatus, now: float) -> None:
        """Start a runner where none is alive."""
        missing = not status.watched if status.started else not status.alive
        if not missing or not self._leased or now < self._next_start:
            return
        # Without a credential terraform would fail; a step that is to stop needs none.
        if not (status.started or status.stopping or self._renewal.ready):
            return
        self._next_start = now + _RESTART_SECONDS
        try:
            await self._start_runner(status)
        except OSError as error:
            activity.logger.warning("cannot start the runner of %s: %s", self._step.key, error)
            self._start_error = str(error)

    async def _start_runner(self, status: StepStatus) -> None:
        runner = self._step.runner
        if status.started:
            activity.logger.warning("the runner of %s was killed: ending the step", self._step.key)
            await runner.finish()
        elif self._starts < _MAX_STARTS:
            self._starts += 1
            await runner.start()
        else:
            runner.withdraw(runner.errors() or self._start_error or "The runner did not start.")

    async def _renew_credential(self) -> None:
        await self._renewal.run()
        # A step without a credential: this task must not end before the others.
        await asyncio.Event().wait()

    async def _heartbeat_loop(self) -> None:
        clock = asyncio.get_running_loop().time
        acknowledge_at = clock()
        while True:
            # Cleared for an abandoned step too: the wait below returns at once while it is set.
            is_due = self._acknowledge_due.is_set()
            self._acknowledge_due.clear()
            try:
                self._step.claims.renew()
                if not self._abandoned:
                    self._binding.heartbeat.beat(self._step.output.detail)
                    if is_due or clock() >= acknowledge_at:
                        acknowledge_at = clock() + self._binding.heartbeat.acknowledge_seconds
                        await self._renew_lease()
                    await self._report_overdue()
            except OSError as error:
                # A full disk, for example: terraform runs while the lease lasts.
                activity.logger.warning("heartbeat of %s: %s", self._step.key, error)
            await self._wait_for_heartbeat()

    async def _wait_for_heartbeat(self) -> None:
        try:
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                await self._acknowledge_due.wait()
        except TimeoutError:
            return

    async def _renew_lease(self) -> None:
        """Extend the lease from the moment of sending, after an acknowledged heartbeat alone."""
        sent_at = boot_seconds()
        try:
            is_running = await self._binding.heartbeat.acknowledge(self._step.output.detail)
        except Unavailable:
            # Terraform runs while the lease lasts.
            return
        except AttemptGone:
            await self._on_attempt_gone()
            return
        self._step.claims.extend_lease(sent_at)
        if not self._leased:
            self._leased = True
            self._step.output.wake()
        if not is_running:
            self._step.runner.stop(StopCause.CANCEL)

    async def _report_overdue(self) -> None:
        """Signal the workflow when the list of overdue resources has changed."""
        overdue = self._step.output.overdue()[:_MAX_OVERDUE]
        addresses = [resource.address for resource in overdue]
        now = asyncio.get_running_loop().time()
        if addresses == self._reported or now < self._report_at:
            return
        try:
            await self._binding.attempts.report_overdue(self._binding.activity_token, overdue)
        except (AttemptGone, Unavailable):
            # Repeated after a second; `_renew_lease` finds out whether the attempt is valid.
            return
        self._reported = addresses
        self._report_at = now + self._report_pause
        self._report_pause = min(2 * self._report_pause, _MAX_REPORT_PAUSE_SECONDS)

    async def _on_attempt_gone(self) -> None:
        """Follow the step without an attempt; without an open workflow, stop terraform.

        Temporal ends the attempt of a worker that was paused. The workflow then attaches to the
        step, and the claim of the new attempt fences this supervisor.
        """
        # Terraform starts only for an attempt; the workflow repeats the phase in a new step.
        self._step.runner.withdraw()
        workflow_id = self._binding.activity_token.workflow_id
        try:
            state = await self._binding.attempts.workflow_state(workflow_id)
        except Unavailable:
            return
        if state is WorkflowState.OPEN:
            return
        activity.logger.warning(
            "the workflow of step %s is %s: stopping terraform", self._step.key, state
        )
        self._abandoned = True
        self._leased = True
        self._step.runner.stop(StopCause.ABANDONED)
