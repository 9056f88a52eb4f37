"""How a deployment ended that tried more than once."""

from dataclasses import replace

import pytest

from deployments.deployment import Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import Counts, StepResult
from tests.deployments.steps import (
    APPLIED,
    BY_USER,
    INIT,
    PLAN,
    ended,
    failed,
    refused,
)


def test_two_applies_of_one_deployment_are_counted_together() -> None:
    """The first was refused half-way, the second made the rest."""
    first = refused(
        "googleapi: Error 503: down", changed=["a.one", "a.two"], counts=Counts(add=1, change=1)
    )
    second = replace(APPLIED, changed=["a.three", "a.two"], counts=Counts(add=2))
    result = conclude([INIT, PLAN, first, PLAN, second], EndContext(Phase.APPLY), Reconciliation())

    assert result.status is Status.COMPLETED
    assert result.changed == ["a.one", "a.two", "a.three"]
    assert result.counts == Counts(add=3, change=1)
    assert result.errors == []


def test_a_second_apply_with_nothing_left_to_do_is_no_end_without_changes() -> None:
    """The state was saved and only its lock was refused: all was made by the first."""
    first = refused("googleapi: Error 503: down", changed=["a.one"], counts=Counts(add=1))
    second = replace(APPLIED, counts=Counts())
    result = conclude([PLAN, first, PLAN, second], EndContext(Phase.APPLY), Reconciliation())

    assert (result.reason, result.counts.add) == (Reason.APPLIED, 1)


def test_a_cancel_while_the_next_try_is_waited_for_is_a_cancel() -> None:
    last = refused("googleapi: Error 503: down")

    assert ended(last, BY_USER, waiting=True) == (Status.CANCELLED, Reason.CANCELLED_BY_USER)
    assert ended(last, waiting=True) == (Status.FAILED, Reason.GOOGLE_UNAVAILABLE)
    assert ended(last, BY_USER) == (Status.FAILED, Reason.GOOGLE_UNAVAILABLE)


@pytest.mark.parametrize("later", [[], [failed(Phase.PLAN)]])
def test_what_was_created_in_part_is_neither_made_nor_not_applied(later: list[StepResult]) -> None:
    """Also where the deployment ended in the plan of the next try."""
    last = refused("googleapi: Error 503: down", not_applied=["a.one", "a.two"])
    result = conclude(
        [PLAN, last, *later], EndContext(Phase.APPLY), Reconciliation(tainted=["a.one"])
    )
    assert (result.tainted, result.not_applied) == (["a.one"], ["a.two"])
