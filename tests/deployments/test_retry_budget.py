"""Tries are bounded in number and in time, each sort of refusal by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.cause_rows import Action
from deployments.reasons import Reason
from deployments.retry_budget import LAST_STEP_WITH_RETRY, RetryBudget
from deployments.timings import RetryLimits

LIMITS = RetryLimits(
    first_pause_seconds=15,
    longest_pause_seconds=240,
    most=6,
    total_seconds=3600,
    propagation_seconds=600,
    most_imports=2,
)


def pauses(action: Action, limits: RetryLimits = LIMITS, work_seconds: int = 0) -> list[int]:
    """The pauses of a refusal that never passes, each try taking so long."""
    retry_budget, now, granted = RetryBudget(limits), 0.0, []
    while (pause := retry_budget.pause(action, now)) is not None:
        granted.append(pause)
        now += pause + work_seconds
    assert retry_budget.tries == len(granted)
    return granted


def test_the_pauses_double_up_to_the_longest() -> None:
    assert pauses(Action.RETRY) == [15, 30, 60, 120, 240, 240]


def test_no_try_begins_after_the_total() -> None:
    """The provider repeats a permanent 429 for 20 minutes before it tells."""
    assert len(pauses(Action.RETRY, work_seconds=1231)) == 3


def test_an_api_that_was_just_enabled_has_its_time_and_no_number() -> None:
    granted = pauses(Action.WAIT)
    assert sum(granted[:-1]) < 600 <= sum(granted)


def test_what_exists_is_looked_for_twice_at_most() -> None:
    assert len(pauses(Action.IMPORT)) == 2


@pytest.mark.parametrize("action", [Action.USER_ACTION, Action.FAIL])
def test_what_does_not_pass_is_never_tried_again(action: Action) -> None:
    assert pauses(action) == []


def test_one_sort_of_refusal_does_not_use_up_the_tries_of_another() -> None:
    retry_budget = RetryBudget(LIMITS)
    for moment in range(20):
        retry_budget.pause(Action.IMPORT, moment)
    assert retry_budget.pause(Action.RETRY, 5000.0) == 15


def test_each_cause_of_a_wait_has_the_whole_time() -> None:
    """Roles of the build were missing ten minutes after the APIs were: no time was left."""
    retry_budget = RetryBudget(LIMITS)
    assert retry_budget.pause(Action.WAIT, 0, reason=Reason.API_DISABLED) is not None
    assert retry_budget.pause(Action.WAIT, 700, reason=Reason.API_DISABLED) is None
    assert retry_budget.pause(Action.WAIT, 700, reason=Reason.BUILD_ROLES_MISSING) == 15
    assert retry_budget.pause(Action.WAIT, 1300, reason=Reason.BUILD_ROLES_MISSING) is None
    late = retry_budget.pause(Action.WAIT, 1300, reason=Reason.API_DISABLED, resource="a.b")
    assert late == 15


def test_no_tries_can_be_asked_for() -> None:
    assert pauses(Action.RETRY, RetryLimits(most=0)) == []


@given(
    st.sampled_from(Action),
    st.builds(
        RetryLimits,
        first_pause_seconds=st.integers(1, 100),
        longest_pause_seconds=st.integers(100, 3600),
        most=st.integers(0, 100),
        total_seconds=st.integers(0, 100_000),
        propagation_seconds=st.integers(0, 100_000),
        most_imports=st.integers(0, 10),
    ),
)
def test_whatever_the_limits_it_ends(action: Action, limits: RetryLimits) -> None:
    granted = pauses(action, limits)
    assert all(1 <= item <= limits.longest_pause_seconds for item in granted)


def test_after_the_last_step_with_a_retry_no_other_try_begins() -> None:
    """A history has a limit; settings allow a hundred tries of twelve steps each."""
    retry_budget = RetryBudget(LIMITS)
    assert retry_budget.pause(Action.RETRY, 0, LAST_STEP_WITH_RETRY - 1) is not None
    assert retry_budget.pause(Action.RETRY, 0, LAST_STEP_WITH_RETRY) is None
