"""Limits that stand behind each other."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.timings import PhaseTimeouts, RetryLimits, StopLadder, Timings

# Which limit lies below which; `True`: they may be equal.
INEQUALITIES = [
    ("heartbeat_timeout_seconds", "lease_seconds", False),
    ("ladder.lost_lease_kill_seconds", "failover_wait_seconds", False),
    ("ladder.lost_lease_second_seconds", "ladder.lost_lease_kill_seconds", False),
    ("host_silence_seconds", "host_absence_seconds", False),
    ("ladder.second_interrupt_seconds", "ladder.grace_seconds", True),
    ("ladder.grace_seconds", "ladder.saving_limit_seconds", True),
    ("retries.first_pause_seconds", "retries.longest_pause_seconds", True),
]

SECONDS = st.integers(1, 100_000)
LADDERS = st.builds(
    StopLadder, **dict.fromkeys((field.name for field in fields(StopLadder)), SECONDS)
)
RETRIES = st.builds(
    RetryLimits, **dict.fromkeys((item.name for item in fields(RetryLimits)), SECONDS)
)
_NESTED = ("ladder", "retries")
TIMINGS = st.builds(
    Timings,
    **dict.fromkeys(
        (entry.name for entry in fields(Timings) if entry.name not in _NESTED), SECONDS
    ),
    ladder=LADDERS,
    retries=RETRIES,
)


def value(timings: Timings, name: str) -> int:
    owner: object = timings
    for part in name.split("."):
        owner = getattr(owner, part)
    assert isinstance(owner, int)
    return owner


def with_value(timings: Timings, name: str, seconds: int) -> Timings:
    group, dot, inner = name.rpartition(".")
    if dot:
        value = replace(getattr(timings, group), **{inner: seconds})
        return replace(timings, **{group: value})
    return replace(timings, **{name: seconds})  # type: ignore[arg-type]  # never a group


def test_a_stop_may_take_every_limit_of_the_ladder_one_after_another() -> None:
    ladder = StopLadder(grace_seconds=1, saving_limit_seconds=100, kill_seconds=10)
    assert (ladder.seconds_without_saving, ladder.longest_seconds) == (21, 121)


def test_the_defaults_do_not_contradict_each_other() -> None:
    assert list(Timings().contradictions()) == []


def test_the_customers_promise_is_the_default() -> None:
    assert PhaseTimeouts() == PhaseTimeouts(
        init_seconds=5 * 60, plan_seconds=10 * 60, apply_seconds=40 * 60
    )


@pytest.mark.parametrize(("low", "high", "equal"), INEQUALITIES)
def test_a_broken_inequality_is_told_alone_with_both_names(
    low: str, high: str, equal: bool
) -> None:
    # The neighbours are moved out of the way, so that only these two can meet.
    apart = replace(
        Timings(failover_wait_seconds=5000),
        ladder=StopLadder(saving_limit_seconds=100_000, lost_lease_kill_seconds=4000),
    )
    assert list(apart.contradictions()) == []
    border = with_value(apart, low, value(apart, high))
    broken = with_value(apart, low, value(apart, high) + 1)
    words = "must not be above" if equal else "must be below"
    assert list(broken.contradictions()) == [f"{low} {words} {high}"]
    assert list(border.contradictions()) == ([] if equal else [f"{low} {words} {high}"])


@given(TIMINGS)
def test_what_is_told_is_what_is_broken_and_all_of_it(timings: Timings) -> None:
    told = {
        tuple(message.split()[:: len(message.split()) - 1]) for message in timings.contradictions()
    }
    broken = {
        (low, high)
        for low, high, equal in INEQUALITIES
        if value(timings, low) > value(timings, high)
        or (value(timings, low) == value(timings, high) and not equal)
    }
    assert told == broken


@given(TIMINGS, SECONDS)
def test_the_backstop_is_longer_than_all_that_may_follow_the_deadline(
    timings: Timings, deadline: int
) -> None:
    ladder = timings.ladder
    longest = deadline + ladder.grace_seconds + ladder.saving_limit_seconds + ladder.kill_seconds
    backstop = timings.start_to_close_seconds(deadline)
    assert backstop > longest + timings.failover_wait_seconds
    # A host that lost Temporal at the deadline: its lease, its ladder, then the takeover.
    lost = timings.lease_seconds + timings.failover_wait_seconds
    assert backstop > deadline + lost
