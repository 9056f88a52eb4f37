"""The limits of a deployment: one field per limit, with default, bounds and reason.

The deadlines of the phases are in the rows of `phase.PHASES`. Settings, the bounds of a request and
the checks between limits derive from these fields.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, make_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from deployments.limit import Limit
from deployments.phase import TERRAFORM_PHASES, Phase

__all__ = [
    "RETENTION_SECONDS",
    "PhaseTimeouts",
    "RetryLimits",
    "StopLadder",
    "Timings",
    "limits_of",
]

_DAY_SECONDS = 86_400
# The retention of the Temporal namespace: no deployment is remembered for longer.
RETENTION_SECONDS = 90 * _DAY_SECONDS

# For the stop activity (3 s), the second interrupt a second after the first, and the exit record.
_FORCED_DELIVERY_SECONDS = 5


def _limit(default: int, reason: str, minimum: int = 1, maximum: int = RETENTION_SECONDS) -> int:
    """Declare a dataclass field with a `Limit` in the metadata."""
    return _declared(Limit(default, reason, minimum, maximum))


def _declared(limit: Limit) -> int:
    declared: int = field(default=limit.default, metadata={"limit": limit})
    return declared


def limits_of(
    group: type["PhaseTimeouts | RetryLimits | StopLadder | Timings"],
) -> dict[str, Limit]:
    """The limits that a dataclass of this module declares, by field name."""
    return {row.name: row.metadata["limit"] for row in fields(group) if "limit" in row.metadata}


@dataclass(frozen=True)
class StopLadder:
    """Times between the signals to terraform; seconds.

    After a lost lease terraform must end before another host may take the stack, so that ladder
    ends before `Timings.failover_wait_seconds` does.
    """

    second_interrupt_seconds: int = _limit(10, "without a started operation no state can be lost")
    grace_seconds: int = _limit(
        180, "Google's provider can ignore the first SIGINT for 11 minutes and more (measured)"
    )
    saving_limit_seconds: int = _limit(
        3600, "a second SIGINT while terraform saves the state loses the state (measured)"
    )
    kill_seconds: int = _limit(30, "terraform exits 5 s after the second SIGINT (measured)")
    lost_lease_second_seconds: int = _limit(120, "leaves 30 s for the exit before the SIGKILL")
    lost_lease_kill_seconds: int = _limit(150, "below the 180 s that another host waits", minimum=2)

    @property
    def seconds_without_saving(self) -> int:
        """The longest stop of a terraform that has no state to save."""
        return self.grace_seconds + 2 * self.kill_seconds

    @property
    def forced_seconds(self) -> int:
        """The longest stop after a forced cancel; `runner.stop_ladder` has the steps."""
        return 2 * self.kill_seconds + _FORCED_DELIVERY_SECONDS

    @property
    def longest_seconds(self) -> int:
        """The longest stop."""
        return self.seconds_without_saving + self.saving_limit_seconds


@dataclass(frozen=True)
class RetryLimits:
    """How often a deployment plans and applies again after a refusal that may pass."""

    first_pause_seconds: int = _limit(15, "pauses double from here", maximum=3600)
    longest_pause_seconds: int = _limit(240, "pauses double up to here", maximum=3600)
    most: int = _limit(
        6, "the provider itself repeats a 429 for up to 20 minutes", minimum=0, maximum=100
    )
    total_seconds: int = _limit(
        3600, "from the first refusal to the start of the last try", minimum=0
    )
    propagation_seconds: int = _limit(
        600, 'Google refuses an API for "a few minutes" after it was enabled', minimum=0
    )
    most_imports: int = _limit(
        2, "the second survey finds what appeared during the first", minimum=0, maximum=10
    )


# A type checker cannot read a base class that a call makes.
if TYPE_CHECKING:

    @dataclass(frozen=True, init=False)
    class _Deadlines:
        def __init__(self, *seconds: int, **seconds_of_phase: int) -> None: ...

else:
    _Deadlines = make_dataclass(
        "_Deadlines",
        [
            (f"{phase}_seconds", int, _declared(row.deadline))
            for phase, row in TERRAFORM_PHASES.items()
        ],
        frozen=True,
    )


class PhaseTimeouts(_Deadlines):
    """Deadline of each phase that runs terraform, named `<phase>_seconds`."""

    def deadline_seconds(self, phase: Phase) -> int:
        """The deadline of a phase that runs terraform."""
        return int(getattr(self, f"{phase}_seconds"))


@dataclass(frozen=True)
class Timings:
    """The limits that travel with a deployment, so every host applies the same.

    The phases' deadlines are in `PhaseTimeouts`.
    """

    heartbeat_timeout_seconds: int = _limit(
        90,
        "with 10 s a server restart of 60 s started a second attempt (measured); the delay of a "
        "cancel comes from the throttle",
        minimum=2,
    )
    lease_seconds: int = _limit(
        300, "how long a host owns a step after its last acknowledged heartbeat", minimum=3
    )
    failover_wait_seconds: int = _limit(180, "how long another host waits after a lease ended")
    host_silence_seconds: int = _limit(
        30, "a task that waits longer on a host's queue is reported as waiting for its host"
    )
    host_absence_seconds: int = _limit(
        _DAY_SECONDS, "a deployment whose host stays away for longer ends", minimum=2
    )
    no_progress_seconds: int = _limit(120, "terraform prints every 10 s during apply")
    plan_no_progress_seconds: int = _limit(300, "a plan is silent while a provider reads")
    ladder: StopLadder = field(default_factory=StopLadder)
    retries: RetryLimits = field(default_factory=RetryLimits)

    def no_progress_limit_seconds(self, phase: Phase) -> int:
        """How long a phase that runs terraform may print nothing."""
        return int(getattr(self, TERRAFORM_PHASES[phase].no_progress_limit))

    def start_to_close_seconds(self, deadline_seconds: int) -> int:
        """Temporal's limit behind a phase's own deadline: above all that may follow it."""
        after = self.ladder.longest_seconds + self.lease_seconds + self.failover_wait_seconds
        return deadline_seconds + after

    def most_attaches(self, deadline_seconds: int) -> int:
        """How often a workflow attaches to a step whose workers fall silent, the start included.

        A silent worker costs a heartbeat timeout, so that many attaches outlast the step.
        """
        limit_seconds = self.start_to_close_seconds(deadline_seconds)
        return 2 + limit_seconds // self.heartbeat_timeout_seconds

    def contradictions(self) -> Iterator[str]:
        """A sentence for each inequality that does not hold."""
        for lower, words, upper in _INEQUALITIES:
            low, high = attrgetter(lower)(self), attrgetter(upper)(self)
            if low > high or (low == high and words == _BELOW):
                yield f"{lower} {words} {upper}"


_BELOW = "must be below"
_NOT_ABOVE = "must not be above"
_INEQUALITIES = (
    ("heartbeat_timeout_seconds", _BELOW, "lease_seconds"),
    ("ladder.lost_lease_kill_seconds", _BELOW, "failover_wait_seconds"),
    ("ladder.lost_lease_second_seconds", _BELOW, "ladder.lost_lease_kill_seconds"),
    ("host_silence_seconds", _BELOW, "host_absence_seconds"),
    ("ladder.second_interrupt_seconds", _NOT_ABOVE, "ladder.grace_seconds"),
    ("ladder.grace_seconds", _NOT_ABOVE, "ladder.saving_limit_seconds"),
    ("retries.first_pause_seconds", _NOT_ABOVE, "retries.longest_pause_seconds"),
)
