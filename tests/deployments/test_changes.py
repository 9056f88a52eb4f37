"""The changes that a deployment planned and made, over all of its tries."""

from dataclasses import fields, replace

import pytest

from deployments.deployment import Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import Counts, SilentChange, StopCause
from tests.deployments.steps import APPLIED, BY_USER, INIT, PLAN, failed, refused, stopped


def test_counts_are_the_changes_that_were_made_beside_those_that_were_planned() -> None:
    """An apply that failed after the first of three resources reported three additions."""
    context = EndContext(Phase.APPLY)
    part = failed(Phase.APPLY, counts=Counts(add=1), error="exit 1")
    result = conclude([INIT, PLAN, part], context, Reconciliation())
    assert (result.counts, result.planned) == (Counts(add=1), Counts(add=3))
    assert (result.outputs, result.detail) == ([], "exit 1")
    cancelled = conclude([INIT, PLAN], EndContext(Phase.PLAN, BY_USER), Reconciliation())
    assert (cancelled.counts, cancelled.planned) == (Counts(), Counts(add=3))
    init = conclude([INIT], context, Reconciliation())
    assert (init.counts, init.planned) == (Counts(), Counts())


def test_an_interrupted_plan_has_no_planned_changes() -> None:
    """An interrupted plan prints the counts of the part that was planned (measured)."""
    part = stopped(Phase.PLAN, StopCause.CANCEL, counts=Counts(add=1))
    result = conclude([INIT, part], EndContext(Phase.PLAN, BY_USER), Reconciliation())
    assert result.planned == Counts()


@pytest.mark.parametrize("field", [field.name for field in fields(Counts)])
def test_an_apply_of_a_plan_with_any_change_is_not_an_end_without_changes(field: str) -> None:
    """Changed outputs, moves and removals from the state ended with `no_changes`."""
    plan = replace(PLAN, counts=Counts(**{field: 2}))
    steps = [plan, replace(APPLIED, counts=Counts())]
    result = conclude(steps, EndContext(Phase.APPLY), Reconciliation())
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert result.planned == plan.counts
    silent = {"moved", "forgotten", "outputs"}
    assert result.counts == (plan.counts if field in silent else Counts())


IMPORT, MOVE, REMOVE = (
    SilentChange(action, f"a.{action}") for action in ("import", "move", "remove")
)


def test_the_state_says_which_silent_changes_an_incomplete_apply_made() -> None:
    """A failed apply has imported and moved: terraform's state has both, and no message does."""
    plan = replace(PLAN, silent=[IMPORT, MOVE, REMOVE], counts=Counts(1, 0, 0, 1, 1, 1))
    part = failed(Phase.APPLY, not_applied=["a.import", "a.remove", "a.bad"])
    result = conclude([plan, part], EndContext(Phase.APPLY), Reconciliation(silent=[IMPORT, MOVE]))
    assert result.counts == Counts(imported=1, moved=1)
    assert result.changed == ["a.import", "a.move"]
    assert result.not_applied == ["a.remove", "a.bad"]


def test_the_next_plan_says_which_silent_changes_a_refused_apply_made() -> None:
    plan = replace(PLAN, silent=[IMPORT, REMOVE], counts=Counts(1, 0, 0, 1, 0, 1))
    again = replace(PLAN, silent=[REMOVE], counts=Counts(1, 0, 0, 0, 0, 1))
    second = replace(APPLIED, counts=Counts(add=1))
    steps = [plan, refused("googleapi: Error 503: down"), again, second]
    result = conclude(steps, EndContext(Phase.APPLY), Reconciliation())
    assert result.counts == result.planned == Counts(1, 0, 0, 1, 0, 1)
    assert result.changed == ["a.import", "a.remove"]
    # Without a second apply its plan proves nothing: the survey of existing resources is missing.
    result = conclude(steps[:3], EndContext(Phase.PLAN, BY_USER), Reconciliation())
    assert (result.counts, result.planned) == (Counts(), again.counts)


def test_a_planned_change_that_was_none_is_unchanged_and_not_open() -> None:
    last = replace(APPLIED, counts=Counts(), unchanged=["a.b"])
    result = conclude(
        [replace(PLAN, counts=Counts(change=1)), last], EndContext(Phase.APPLY), Reconciliation()
    )
    assert (result.reason, result.unchanged, result.not_applied) == (Reason.APPLIED, ["a.b"], [])
    assert (result.counts, result.planned) == (Counts(), Counts(change=1))
