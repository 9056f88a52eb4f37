"""The stop ladder: the next signal for a terraform that must stop, as a pure function.

Every cause takes the same steps. After the first SIGINT terraform
saves the state, starts no new operation and waits for the open ones. After the second SIGINT
terraform exits within seconds: the outcome of open operations is unknown, and a state that was
being saved is lost.
SIGKILL follows when both had no effect.

A SIGINT just before an apply begins is without effect: terraform confirms it and applies everything
(measured with 1.11.4). So the first SIGINT of an apply waits for the first operation.
"""

WAIT = "wait"
INTERRUPT = "interrupt"
KILL = "kill"

# A forced cancel accepts a lost state. Within this second a terraform without open operations still
# exits by the first SIGINT (measured: 0.01 s to 0.02 s).
FORCED_SECOND_INTERRUPT_SECONDS = 1.0

_NEVER = float("inf")


class LadderLimits:
    """Seconds from step.json; deployments/timings.py has the defaults and reasons."""

    __slots__ = (
        "grace_seconds",
        "kill_seconds",
        "lost_lease_kill_seconds",
        "lost_lease_second_seconds",
        "saving_limit_seconds",
        "second_interrupt_seconds",
    )

    grace_seconds: float
    kill_seconds: float
    lost_lease_kill_seconds: float
    lost_lease_second_seconds: float
    saving_limit_seconds: float
    second_interrupt_seconds: float

    def __init__(self, values: dict[str, object]) -> None:
        """Read all limits; raises TypeError where a limit is missing or not a number."""
        for name in self.__slots__:
            value = values.get(name)
            if not isinstance(value, int | float):
                raise TypeError(f"ladder.{name} is missing or not a number")
            setattr(self, name, float(value))


class Situation:
    """The progress of a stop. Times are seconds of the caller's clock.

    `lease_ended_at` is None while this host holds the lease; a lost lease stays lost.
    `saving_since` is None unless operations ran and all have ended. `stop_at` is the begin of the
    stop, None before it.
    """

    __slots__ = (
        "force",
        "interrupted_at",
        "killed",
        "lease_ended_at",
        "open",
        "phase",
        "saving_since",
        "started",
        "stop_at",
    )

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.force = False
        self.stop_at: float | None = None
        self.lease_ended_at: float | None = None
        self.interrupted_at: list[float] = []
        self.killed = False
        self.started = 0
        self.open = 0
        self.saving_since: float | None = None


def next_action(limits: LadderLimits, situation: Situation, now: float) -> str:
    """The next action on a terraform that must stop: WAIT, INTERRUPT or KILL."""
    if situation.killed:
        return WAIT
    if now >= _kill_at(limits, situation):
        return KILL
    if not situation.interrupted_at:
        return INTERRUPT if now >= _first_interrupt_at(limits, situation) else WAIT
    if len(situation.interrupted_at) == 1 and now >= _second_interrupt_at(limits, situation):
        return INTERRUPT
    return WAIT


def _kill_at(limits: LadderLimits, situation: Situation) -> float:
    without_effect = _NEVER
    if len(situation.interrupted_at) > 1:
        without_effect = situation.interrupted_at[1] + limits.kill_seconds
    return min(without_effect, _after_lease(situation, limits.lost_lease_kill_seconds))


def _first_interrupt_at(limits: LadderLimits, situation: Situation) -> float:
    """At once, but an apply has to begin an operation, unless its state's store is silent."""
    has_begun = situation.phase != "apply" or situation.started > 0
    if has_begun or situation.force or situation.stop_at is None:
        return -_NEVER
    return min(situation.stop_at + limits.second_interrupt_seconds, _after_lease(situation, 0.0))


def _second_interrupt_at(limits: LadderLimits, situation: Situation) -> float:
    return min(
        _grace_ends_at(limits, situation), _after_lease(situation, limits.lost_lease_second_seconds)
    )


def _grace_ends_at(limits: LadderLimits, situation: Situation) -> float:
    first = situation.interrupted_at[0]
    if situation.force:
        return first + FORCED_SECOND_INTERRUPT_SECONDS
    if situation.phase != "apply" or situation.started == 0:
        return first + limits.second_interrupt_seconds
    if situation.open:
        return first + limits.grace_seconds
    saving_since = first if situation.saving_since is None else situation.saving_since
    return max(first, saving_since) + limits.saving_limit_seconds


def _after_lease(situation: Situation, seconds: float) -> float:
    if situation.lease_ended_at is None:
        return _NEVER
    return situation.lease_ended_at + seconds
