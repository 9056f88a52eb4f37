"""The one table of statuses."""

import pytest

from deployments.deployment import Operation, Status
from deployments.transitions import TRANSITIONS, Actions, actions, is_terminal, may_follow

ENDS = {
    Status.COMPLETED,
    Status.FAILED,
    Status.CANCELLED,
    Status.DISCARDED,
    Status.NEEDS_ATTENTION,
    # Of another release, in a result: never written.
    Status.UNKNOWN,
}
# Every step there is, as a reader of the documentation would draw it.
STEPS = {
    ("queued", "running"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("queued", "needs_attention"),
    ("running", "awaiting_approval"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "needs_attention"),
    ("awaiting_approval", "running"),
    ("awaiting_approval", "discarded"),
    ("awaiting_approval", "failed"),
    ("awaiting_approval", "cancelled"),
    ("awaiting_approval", "needs_attention"),
}
PAIRS = [(now, then) for now in Status for then in Status]


def test_the_table_has_a_line_for_every_status() -> None:
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize(("now", "then"), PAIRS)
def test_a_status_follows_another_only_by_the_table(now: Status, then: Status) -> None:
    assert may_follow(now, then) is (now is then or (now, then) in STEPS)


@pytest.mark.parametrize("status", Status)
def test_an_end_is_final_and_nothing_else_is(status: Status) -> None:
    assert is_terminal(status) is (status in ENDS)


@pytest.mark.parametrize("status", Status)
def test_an_end_can_be_reached_from_every_status(status: Status) -> None:
    seen, new = set[Status](), {status}
    while new:
        seen |= new
        new = {then for now in new for then in TRANSITIONS[now]} - seen
    assert seen & ENDS


@pytest.mark.parametrize("status", sorted(ENDS))
@pytest.mark.parametrize("asked", [True, False])
def test_of_an_end_only_the_destroy_of_its_stack_can_be_asked(status: Status, asked: bool) -> None:
    assert actions(status, cancel_requested=asked) == Actions(
        can_cancel=False, can_force_cancel=False, can_destroy=True
    )


@pytest.mark.parametrize("status", Status)
def test_what_is_destroyed_or_worked_on_cannot_be_destroyed(status: Status) -> None:
    found = actions(status, cancel_requested=False, operation=Operation.DESTROY)
    assert found.can_destroy is (status in ENDS - {Status.COMPLETED})


@pytest.mark.parametrize("status", sorted(set(Status) - ENDS))
def test_force_is_the_second_step_of_a_cancel(status: Status) -> None:
    gentle = Actions(can_cancel=True, can_force_cancel=False)
    assert actions(status, cancel_requested=False) == gentle
    assert actions(status, cancel_requested=True) == Actions(
        can_cancel=False, can_force_cancel=True
    )
