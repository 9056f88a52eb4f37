"""How long things may take, and the inequalities that keep one limit behind another."""

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["PhaseTimeouts", "RetryLimits", "StopLadder", "Timings"]

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class StopLadder:
    """The stop ladder (DESIGN section 5, "Stopping"); seconds.

    Defaults: nothing can be lost in init and plan, so the second interrupt follows after 10 s. In
    apply an open operation gets 3 minutes; a state that is being saved gets an hour, since a second
    interrupt there loses it (measured). A lost lease must be over before another host may take the
    stack: 150 s is below the 180 s it waits.
    """

    second_interrupt_seconds: int = 10
    grace_seconds: int = 180
    saving_limit_seconds: int = 3600
    kill_seconds: int = 30
    lost_lease_second_seconds: int = 120
    lost_lease_kill_seconds: int = 150


@dataclass(frozen=True)
class RetryLimits:
    """How often a deployment plans and applies anew after a refusal that may pass; seconds.

    first_pause_seconds, longest_pause_seconds: the pauses double from one to the other.
    most, total_seconds: tries after a passing refusal, and how long after the first one the last
        may begin. The provider itself repeats a 429 for up to 20 minutes before it tells of it.
    propagation_seconds: how long an API that was just enabled may go on to be refused; Google
        says "a few minutes".
    most_adoptions: what appears while we look is found by the second look.
    """

    first_pause_seconds: int = 15
    longest_pause_seconds: int = 240
    most: int = 6
    total_seconds: int = 3600
    propagation_seconds: int = 600
    most_imports: int = 2


@dataclass(frozen=True)
class PhaseTimeouts:
    """How long each phase may take before it is stopped.

    The defaults are the customer's promise: init 5, plan 10, apply 40 minutes.
    """

    init_seconds: int = 300
    plan_seconds: int = 600
    apply_seconds: int = 2400


@dataclass(frozen=True)
class Timings:
    """All limits of one deployment; they travel with it, so every host applies the same.

    heartbeat_timeout_seconds: 90; a server restart of 60 s started a second attempt with 10 s
        (measured). The delay of a cancel comes from the throttle, not from this.
    lease_seconds: how long a host owns a step after its last acknowledged heartbeat.
    failover_wait_seconds: what another host waits after a lease that ended.
    host_silence_seconds: how long a task may lie on a host's queue before the deployment says
        that it waits for its host.
    host_absence_seconds: when a deployment whose host does not come back ends.
    no_progress_seconds, plan_no_progress_seconds: terraform prints every 10 s in apply; a plan may
        be silent for as long as a provider reads.
    """

    heartbeat_timeout_seconds: int = 90
    lease_seconds: int = 300
    failover_wait_seconds: int = 180
    host_silence_seconds: int = 30
    host_absence_seconds: int = _DAY_SECONDS
    no_progress_seconds: int = 120
    plan_no_progress_seconds: int = 300
    ladder: StopLadder = field(default_factory=StopLadder)
    retries: RetryLimits = field(default_factory=RetryLimits)

    def start_to_close_seconds(self, deadline_seconds: int) -> int:
        """The backstop behind a phase's own deadline: longer than all that may follow it."""
        ladder = self.ladder
        after = ladder.grace_seconds + ladder.saving_limit_seconds + 2 * ladder.kill_seconds
        return deadline_seconds + after + self.lease_seconds + self.failover_wait_seconds

    def contradictions(self) -> Iterator[str]:
        """A sentence for each inequality that does not hold."""
        ladder = self.ladder
        if self.heartbeat_timeout_seconds >= self.lease_seconds:
            yield "heartbeat_timeout_seconds must be below lease_seconds"
        if ladder.lost_lease_kill_seconds >= self.failover_wait_seconds:
            yield "ladder.lost_lease_kill_seconds must be below failover_wait_seconds"
        if ladder.lost_lease_second_seconds >= ladder.lost_lease_kill_seconds:
            yield "ladder.lost_lease_second_seconds must be below ladder.lost_lease_kill_seconds"
        if self.host_silence_seconds >= self.host_absence_seconds:
            yield "host_silence_seconds must be below host_absence_seconds"
        if ladder.second_interrupt_seconds > ladder.grace_seconds:
            yield "ladder.second_interrupt_seconds must not be above ladder.grace_seconds"
        if ladder.grace_seconds > ladder.saving_limit_seconds:
            yield "ladder.grace_seconds must not be above ladder.saving_limit_seconds"
        if self.retries.first_pause_seconds > self.retries.longest_pause_seconds:
            yield "retries.first_pause_seconds must not be above retries.longest_pause_seconds"
