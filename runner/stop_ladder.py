"""The ladder by which terraform is stopped: what to do next, as a value.

Every cause takes the same steps (DESIGN section 5, "Stopping"). SIGINT: terraform saves its state,
starts nothing new and waits for what is open. A second SIGINT: it leaves within seconds; whatever
was open is unknown, and a state that was being saved is lost. SIGKILL: for a terraform that
ignores both.
"""

WAIT = "wait"
INTERRUPT = "interrupt"
KILL = "kill"

# An operator who forces has been told the price. One second still lets a terraform that has nothing
# open end by the first SIGINT (measured: 0.01 s to 0.02 s).
FORCED_SECOND_INTERRUPT_SECONDS = 1.0

_NEVER = float("inf")


class LadderLimits:
    """How long each step waits, in seconds. The defaults are the design's."""

    __slots__ = (
        "grace_seconds",
        "kill_seconds",
        "lost_lease_kill_seconds",
        "lost_lease_second_seconds",
        "saving_limit_seconds",
        "second_interrupt_seconds",
    )

    def __init__(self, given: dict[str, float]) -> None:
        # Nothing can be lost in init, plan and an apply that did nothing: 10 s are good manners.
        self.second_interrupt_seconds = given.get("second_interrupt_seconds", 10.0)
        # Google's provider can ignore the first SIGINT for 11 minutes and more (measured).
        self.grace_seconds = given.get("grace_seconds", 180.0)
        # A second SIGINT while state is saved loses the state (measured): be patient.
        self.saving_limit_seconds = given.get("saving_limit_seconds", 3600.0)
        # Terraform leaves 5 s after the second SIGINT (measured).
        self.kill_seconds = given.get("kill_seconds", 30.0)
        # Another host takes over 180 s after the lease ended: by then terraform is gone for sure.
        self.lost_lease_second_seconds = given.get("lost_lease_second_seconds", 120.0)
        self.lost_lease_kill_seconds = given.get("lost_lease_kill_seconds", 150.0)


class Situation:
    """What is known at one moment. Times are seconds of one clock, the caller's.

    `lease_ended_at` is None while the lease is ours; once lost it stays lost. `saving_since` is
    None unless operations ran and none is open.
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
    )

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.force = False
        self.lease_ended_at: float | None = None
        self.interrupted_at: list[float] = []
        self.killed = False
        self.started = 0
        self.open = 0
        self.saving_since: float | None = None


def next_action(limits: LadderLimits, situation: Situation, now: float) -> str:
    """What to do now with a terraform that is to stop: WAIT, INTERRUPT or KILL."""
    if situation.killed:
        return WAIT
    if now >= _kill_at(limits, situation):
        return KILL
    if not situation.interrupted_at:
        return INTERRUPT
    if len(situation.interrupted_at) == 1 and now >= _second_interrupt_at(limits, situation):
        return INTERRUPT
    return WAIT


def _kill_at(limits: LadderLimits, situation: Situation) -> float:
    without_effect = _NEVER
    if len(situation.interrupted_at) > 1:
        without_effect = situation.interrupted_at[1] + limits.kill_seconds
    return min(without_effect, _after_lease(situation, limits.lost_lease_kill_seconds))


def _second_interrupt_at(limits: LadderLimits, situation: Situation) -> float:
    return min(
        _patience_ends_at(limits, situation),
        _after_lease(situation, limits.lost_lease_second_seconds),
    )


def _patience_ends_at(limits: LadderLimits, situation: Situation) -> float:
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
