"""How a deployment ended whose state terraform could not save."""

from dataclasses import replace

import pytest

from deployments.deployment import CancelRequest, Status
from deployments.errors import Audience
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, Recovery, conclude
from deployments.step import Diagnostic, StepOutcome, StepResult, StopCause
from tests.deployments.steps import (
    BY_USER,
    INIT,
    PLAN,
    ended,
    failed,
    step,
    stopped,
)

UNSAVED = failed(
    Phase.APPLY,
    changed=["a.one"],
    diagnostics=[
        Diagnostic("error", "Failed to save state", "EOF"),
        Diagnostic("error", "Failed to persist state to backend", "terraform state push"),
        Diagnostic("error", "Error releasing the state lock", "force-unlock"),
    ],
)
SAVED = Reconciliation(recovery=Recovery.SAVED)
PENDING = Reconciliation(recovery=Recovery.PENDING, unsaved=["a.one"])


def test_after_a_state_is_saved_no_sentence_calls_for_an_operator() -> None:
    result = conclude([INIT, PLAN, UNSAVED], EndContext(Phase.APPLY), SAVED)
    assert (result.status, result.reason) == (Status.FAILED, Reason.STATE_RECOVERED)
    (error,) = result.errors
    assert (error.cause, error.audience) == (Reason.STATE_RECOVERED, Audience.USER)
    assert not any(word in str(error) for word in ("operator", "push", "force-unlock"))


def test_until_a_state_is_saved_its_resources_are_named_as_unrecorded() -> None:
    result = conclude([INIT, PLAN, UNSAVED], EndContext(Phase.APPLY), PENDING)
    assert (result.status, result.reason) == (Status.FAILED, Reason.STATE_BEING_RECOVERED)
    assert result.unrecorded == ["a.one"]
    assert {error.cause for error in result.errors} == {Reason.STATE_BEING_RECOVERED}


@pytest.mark.parametrize(
    ("last", "cancel", "saved", "pending"),
    [
        (
            stopped(Phase.APPLY, StopCause.CANCEL),
            BY_USER,
            (Status.CANCELLED, Reason.CANCELLED_BY_USER),
            (Status.CANCELLED, Reason.STATE_BEING_RECOVERED),
        ),
        (
            stopped(Phase.APPLY, StopCause.DEADLINE),
            None,
            (Status.FAILED, Reason.APPLY_TIMED_OUT),
            (Status.FAILED, Reason.STATE_BEING_RECOVERED),
        ),
        (
            replace(UNSAVED, diagnostics=[*UNSAVED.diagnostics, Diagnostic("error", "Other")]),
            None,
            (Status.FAILED, Reason.APPLY_FAILED),
            (Status.FAILED, Reason.STATE_BEING_RECOVERED),
        ),
        (
            # Killed while it repeated the release of the lock.
            step(Phase.APPLY, StepOutcome.RUNNER_LOST, clean=False),
            None,
            (Status.FAILED, Reason.STATE_RECOVERED),
            (Status.FAILED, Reason.STATE_BEING_RECOVERED),
        ),
    ],
)
def test_another_cause_stays_the_reason_unless_it_says_that_the_state_was_saved(
    last: StepResult,
    cancel: CancelRequest | None,
    saved: tuple[Status, Reason],
    pending: tuple[Status, Reason],
) -> None:
    assert ended(last, cancel, SAVED) == saved
    assert ended(last, cancel, PENDING) == pending


@pytest.mark.parametrize("recovery", [Recovery.SAVED, Recovery.PENDING])
def test_a_saved_state_that_lacks_a_resource_needs_attention(recovery: Recovery) -> None:
    doubts = Reconciliation(unrecorded=["a.two"], recovery=recovery)
    assert ended(UNSAVED, None, doubts) == (Status.NEEDS_ATTENTION, Reason.UNRECORDED_RESOURCES)
