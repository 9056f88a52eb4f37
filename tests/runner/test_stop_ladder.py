"""The ladder as values: what to do next, for each cause, phase and moment."""

from dataclasses import asdict

import pytest

from deployments.timings import StopLadder
from runner.stop_ladder import INTERRUPT, KILL, WAIT, LadderLimits, Situation, next_action

VALUES: dict[str, object] = {
    "second_interrupt_seconds": 10,
    "grace_seconds": 180,
    "saving_limit_seconds": 3600,
    "kill_seconds": 30,
    "lost_lease_second_seconds": 120,
    "lost_lease_kill_seconds": 150,
}
LIMITS = LadderLimits(VALUES)
FIRST = 1000.0


def situation(
    phase: str = "apply",
    *,
    started: int = 0,
    open_: int = 0,
    interrupts: tuple[float, ...] = (FIRST,),
) -> Situation:
    stopped = Situation(phase)
    stopped.stop_at = FIRST
    stopped.started, stopped.open = started, open_
    stopped.interrupted_at = list(interrupts)
    return stopped


@pytest.mark.parametrize(
    ("phase", "started", "open_"),
    [("init", 0, 0), ("plan", 0, 0), ("plan", 3, 2), ("apply", 3, 2), ("apply", 3, 0)],
)
def test_the_first_step_is_an_interrupt_at_once(phase: str, started: int, open_: int) -> None:
    fresh = situation(phase, started=started, open_=open_, interrupts=())
    assert next_action(LIMITS, fresh, FIRST) == INTERRUPT


def test_an_apply_is_interrupted_at_its_first_operation() -> None:
    """Terraform confirms an interrupt just before it begins to apply, and applies everything."""
    stopped = situation(interrupts=())
    assert next_action(LIMITS, stopped, FIRST) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 9.9) == WAIT
    stopped.started = stopped.open = 1
    assert next_action(LIMITS, stopped, FIRST + 9.9) == INTERRUPT


def test_an_apply_that_begins_no_operation_is_interrupted_too() -> None:
    assert next_action(LIMITS, situation(interrupts=()), FIRST + 10) == INTERRUPT


def test_neither_force_nor_a_lost_lease_waits_for_an_operation() -> None:
    forced, lost = situation(interrupts=()), situation(interrupts=())
    forced.force = True
    lost.lease_ended_at = FIRST
    assert next_action(LIMITS, forced, FIRST) == INTERRUPT
    assert next_action(LIMITS, lost, FIRST) == INTERRUPT


@pytest.mark.parametrize(
    ("phase", "started", "open_", "retry_budget"),
    [
        ("init", 0, 0, 10.0),
        ("plan", 0, 0, 10.0),
        ("plan", 2, 1, 10.0),  # nothing a plan prints makes it precious
        ("apply", 0, 0, 10.0),
        ("apply", 5, 2, 180.0),
        ("apply", 5, 0, 3600.0),
    ],
)
def test_the_second_interrupt_waits_as_long_as_something_can_be_lost(
    phase: str, started: int, open_: int, retry_budget: float
) -> None:
    stopped = situation(phase, started=started, open_=open_)
    assert next_action(LIMITS, stopped, FIRST + retry_budget - 0.01) == WAIT
    assert next_action(LIMITS, stopped, FIRST + retry_budget) == INTERRUPT


def test_saving_is_counted_from_its_own_beginning() -> None:
    stopped = situation(started=5)
    stopped.saving_since = FIRST + 170
    assert next_action(LIMITS, stopped, FIRST + 170 + 3599) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 170 + 3600) == INTERRUPT


def test_saving_that_began_before_the_stop_is_counted_from_the_first_interrupt() -> None:
    stopped = situation(started=5)
    stopped.saving_since = FIRST - 500
    assert next_action(LIMITS, stopped, FIRST + 3599) == WAIT


@pytest.mark.parametrize(("started", "open_"), [(0, 0), (5, 2), (5, 0)])
def test_the_group_is_killed_when_two_interrupts_had_no_effect(started: int, open_: int) -> None:
    stopped = situation(started=started, open_=open_, interrupts=(FIRST, FIRST + 200))
    assert next_action(LIMITS, stopped, FIRST + 229.9) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 230) == KILL


def test_after_the_kill_there_is_nothing_left_to_do() -> None:
    stopped = situation(interrupts=(FIRST, FIRST + 10))
    stopped.killed = True
    assert next_action(LIMITS, stopped, FIRST + 9999) == WAIT


@pytest.mark.parametrize(("started", "open_"), [(0, 0), (5, 2), (5, 0)])
def test_force_interrupts_again_after_one_second_whatever_is_open(started: int, open_: int) -> None:
    stopped = situation(started=started, open_=open_)
    stopped.force = True
    assert next_action(LIMITS, stopped, FIRST + 0.9) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 1) == INTERRUPT


def test_force_that_comes_later_acts_at_once() -> None:
    stopped = situation(started=5, open_=2)
    assert next_action(LIMITS, stopped, FIRST + 60) == WAIT
    stopped.force = True
    assert next_action(LIMITS, stopped, FIRST + 60) == INTERRUPT


def test_a_lost_lease_counts_from_its_end() -> None:
    stopped = situation(started=5, open_=2, interrupts=())
    stopped.lease_ended_at = FIRST - 0.8
    assert next_action(LIMITS, stopped, FIRST) == INTERRUPT
    stopped.interrupted_at = [FIRST]
    assert next_action(LIMITS, stopped, FIRST + 119.1) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 119.2) == INTERRUPT
    stopped.interrupted_at.append(FIRST + 119.2)
    assert next_action(LIMITS, stopped, FIRST + 149.1) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 149.2) == KILL


@pytest.mark.parametrize(("started", "open_"), [(5, 2), (5, 0)])
def test_a_lost_lease_overrides_a_slower_ladder(started: int, open_: int) -> None:
    stopped = situation(started=started, open_=open_)
    stopped.lease_ended_at = FIRST + 20
    assert next_action(LIMITS, stopped, FIRST + 139) == WAIT
    assert next_action(LIMITS, stopped, FIRST + 140) == INTERRUPT


def test_a_lost_lease_does_not_slow_a_faster_ladder() -> None:
    stopped = situation("plan")
    stopped.lease_ended_at = FIRST
    assert next_action(LIMITS, stopped, FIRST + 10) == INTERRUPT


def test_a_machine_that_slept_past_the_end_of_its_lease_kills_at_once() -> None:
    stopped = situation(started=5, open_=2, interrupts=())
    stopped.lease_ended_at = FIRST - 150
    assert next_action(LIMITS, stopped, FIRST) == KILL


def test_limits_that_are_given_are_the_ladder_s() -> None:
    limits = LadderLimits(VALUES | {"second_interrupt_seconds": 0.5})
    assert next_action(limits, situation("plan"), FIRST + 0.5) == INTERRUPT
    assert limits.grace_seconds == 180


@pytest.mark.parametrize("name", LadderLimits.__slots__)
def test_a_limit_that_is_missing_is_named(name: str) -> None:
    """The runner had a copy of each default, which nobody changed with the worker's."""
    with pytest.raises(TypeError, match=rf"ladder\.{name} is missing"):
        LadderLimits({key: value for key, value in VALUES.items() if key != name})


def test_a_worker_gives_every_limit_of_the_ladder() -> None:
    assert sorted(asdict(StopLadder())) == sorted(LadderLimits.__slots__)
