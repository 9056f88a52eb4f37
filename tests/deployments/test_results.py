"""How a deployment ended: the decision table, and the truth rules as properties."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.deployment import CancelRequest, DeploymentResult, Status
from deployments.errors import Audience
from deployments.events import EndKind, EndRecord
from deployments.findings import Severity
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import (
    Counts,
    Diagnostic,
    Output,
    StepKey,
    StepOutcome,
    StepResult,
    StopCause,
)
from tests.deployments.steps import (
    APPLIED,
    BY_OPERATOR,
    BY_USER,
    INIT,
    PLAN,
    ended,
    failed,
    refused,
    step,
    stopped,
)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (APPLIED, Reason.APPLIED),
        (replace(APPLIED, counts=Counts()), Reason.NO_CHANGES),
        (replace(APPLIED, counts=Counts(imported=1)), Reason.APPLIED),
        # The cancel was seen by terraform and came too late.
        (replace(APPLIED, stop=StopCause.CANCEL, signals=1), Reason.APPLIED),
    ],
)
@pytest.mark.parametrize("cancel", [None, BY_USER, BY_OPERATOR])
def test_an_apply_that_terraform_called_complete_is_completed(
    last: StepResult, reason: Reason, cancel: CancelRequest | None
) -> None:
    assert ended(last, cancel) == (Status.COMPLETED, reason)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (replace(APPLIED, counts=Counts(remove=12)), (Status.COMPLETED, Reason.DESTROYED)),
        (replace(APPLIED, counts=Counts()), (Status.COMPLETED, Reason.NOTHING_TO_DESTROY)),
        (failed(Phase.APPLY), (Status.FAILED, Reason.APPLY_FAILED)),
        (failed(Phase.PLAN), (Status.FAILED, Reason.PLAN_FAILED)),
        # Said to be complete and killed at once: not known is not destroyed.
        (replace(APPLIED, clean=False), (Status.NEEDS_ATTENTION, Reason.OUTCOME_UNKNOWN)),
    ],
)
def test_completed_means_destroyed_where_that_was_asked(
    last: StepResult, end: tuple[Status, Reason]
) -> None:
    assert ended(last, destroy=True) == end


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (failed(Phase.INIT), Reason.INIT_FAILED),
        (failed(Phase.PLAN), Reason.PLAN_FAILED),
        (failed(Phase.APPLY), Reason.APPLY_FAILED),
        (stopped(Phase.INIT, StopCause.DEADLINE), Reason.INIT_TIMED_OUT),
        (stopped(Phase.PLAN, StopCause.DEADLINE), Reason.PLAN_TIMED_OUT),
        (stopped(Phase.APPLY, StopCause.DEADLINE), Reason.APPLY_TIMED_OUT),
        (stopped(Phase.INIT, StopCause.NO_PROGRESS), Reason.INIT_STALLED),
        (stopped(Phase.PLAN, StopCause.NO_PROGRESS), Reason.PLAN_STALLED),
        (stopped(Phase.APPLY, StopCause.NO_PROGRESS), Reason.APPLY_STALLED),
    ],
)
@pytest.mark.parametrize("cancel", [None, BY_USER])
def test_a_phase_that_failed_by_itself_says_so_whatever_was_asked_later(
    last: StepResult, reason: Reason, cancel: CancelRequest | None
) -> None:
    assert ended(last, cancel) == (Status.FAILED, reason)


@pytest.mark.parametrize("phase", [Phase.INIT, Phase.PLAN, Phase.APPLY])
@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (StopCause.DRAIN, Reason.HOST_STOPPED),
        (StopCause.TERMINATED, Reason.HOST_STOPPED),
        (StopCause.LOST_LEASE, Reason.LEASE_LOST),
        (StopCause.ABANDONED, Reason.INTERNAL_ERROR),
        (StopCause.SUPERSEDED, Reason.INTERNAL_ERROR),
        (StopCause.UNKNOWN, Reason.INTERNAL_ERROR),
        (StopCause.CANCEL, Reason.INTERNAL_ERROR),
        (None, Reason.INTERNAL_ERROR),
    ],
)
def test_a_stop_that_nobody_asked_for_is_a_failure_with_its_cause(
    phase: Phase, cause: StopCause | None, reason: Reason
) -> None:
    assert ended(stopped(phase, cause)) == (Status.FAILED, reason)


@pytest.mark.parametrize(
    "last",
    [
        None,
        INIT,
        PLAN,
        stopped(Phase.INIT, StopCause.CANCEL),
        stopped(Phase.PLAN, StopCause.CANCEL, clean=False),
        stopped(Phase.APPLY, StopCause.CANCEL),
        stopped(Phase.APPLY, StopCause.DRAIN),
        step(Phase.APPLY, StepOutcome.NOT_STARTED),
        step(Phase.PLAN, StepOutcome.RUNNER_LOST, clean=False),
    ],
)
def test_a_cancel_that_came_in_time_is_cancelled_by_whom(last: StepResult | None) -> None:
    assert ended(last, BY_USER) == (Status.CANCELLED, Reason.CANCELLED_BY_USER)
    assert ended(last, BY_OPERATOR) == (Status.CANCELLED, Reason.CANCELLED_BY_OPERATOR)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (None, (Status.FAILED, Reason.INTERNAL_ERROR)),
        (INIT, (Status.FAILED, Reason.INTERNAL_ERROR)),
        (PLAN, (Status.FAILED, Reason.INTERNAL_ERROR)),
        (step(Phase.APPLY, StepOutcome.NOT_STARTED), (Status.FAILED, Reason.INTERNAL_ERROR)),
        (step(Phase.INIT, StepOutcome.RUNNER_LOST), (Status.FAILED, Reason.RUNNER_LOST)),
        (step(Phase.PLAN, StepOutcome.RUNNER_LOST), (Status.FAILED, Reason.RUNNER_LOST)),
        (step(Phase.PLAN, StepOutcome.START_FAILED), (Status.FAILED, Reason.START_FAILED)),
        (step(Phase.APPLY, StepOutcome.START_FAILED), (Status.FAILED, Reason.START_FAILED)),
    ],
)
def test_an_end_without_a_cancel_is_never_called_cancelled(
    last: StepResult | None, end: tuple[Status, Reason]
) -> None:
    assert ended(last) == end


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (step(Phase.APPLY, StepOutcome.RUNNER_LOST), Reason.RUNNER_LOST),
        (step(Phase.APPLY, StepOutcome.RUNNER_LOST, applied=True), Reason.RUNNER_LOST),
        (step(Phase.APPLY, StepOutcome.HOST_LOST), Reason.HOST_LOST),
        (step(Phase.PLAN, StepOutcome.HOST_LOST), Reason.HOST_LOST),
        (stopped(Phase.APPLY, StopCause.CANCEL, clean=False), Reason.OUTCOME_UNKNOWN),
        (stopped(Phase.APPLY, StopCause.DEADLINE, clean=False), Reason.OUTCOME_UNKNOWN),
        (failed(Phase.APPLY, clean=False), Reason.OUTCOME_UNKNOWN),
        # Exit 0 and no word of an end: the disk was full and the log was lost.
        (step(Phase.APPLY, StepOutcome.DONE, exit_code=0), Reason.OUTCOME_UNKNOWN),
    ],
)
@pytest.mark.parametrize("cancel", [None, BY_USER])
def test_what_nobody_can_know_needs_attention(
    last: StepResult, reason: Reason, cancel: CancelRequest | None
) -> None:
    assert ended(last, cancel) == (Status.NEEDS_ATTENTION, reason)


@pytest.mark.parametrize(
    "last",
    [
        replace(APPLIED, exit_code=1),
        replace(APPLIED, exit_code=None),
        replace(APPLIED, clean=False),
        replace(APPLIED, outcome=StepOutcome.FAILED, exit_code=1),
        replace(APPLIED, outcome=StepOutcome.STOPPED, stop=StopCause.CANCEL, exit_code=None),
    ],
)
def test_complete_by_word_and_not_by_its_end_is_unknown(last: StepResult) -> None:
    """It was completed whatever the exit code; an apply killed at its end was cancelled."""
    assert ended(last, BY_USER) == (Status.NEEDS_ATTENTION, Reason.OUTCOME_UNKNOWN)


@pytest.mark.parametrize("last", [APPLIED, stopped(Phase.APPLY, StopCause.CANCEL), PLAN, None])
@pytest.mark.parametrize(
    ("reconciliation", "reason"),
    [
        (Reconciliation(unrecorded=["a.b"]), Reason.UNRECORDED_RESOURCES),
        (Reconciliation(unrecorded=["a.b"], inconclusive=True), Reason.UNRECORDED_RESOURCES),
        (Reconciliation(inconclusive=True), Reason.OUTCOME_UNKNOWN),
        (Reconciliation(unknown=["a.b"]), Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_doubt_about_resources_needs_attention_whatever_terraform_said(
    last: StepResult | None, reconciliation: Reconciliation, reason: Reason
) -> None:
    """A resource of which nobody can say what became was in a result called cancelled."""
    assert ended(last, BY_USER, reconciliation) == (Status.NEEDS_ATTENTION, reason)


def test_a_host_that_never_came_back_is_named_before_all_else() -> None:
    lost = ended(PLAN, BY_USER, Reconciliation(unrecorded=["a.b"]), host_lost=True)
    assert lost == (Status.NEEDS_ATTENTION, Reason.HOST_LOST)


@pytest.mark.parametrize("problem", [Reason.STACK_BUSY, Reason.PREPARE_FAILED])
def test_a_problem_outside_any_step_is_the_reason(problem: Reason) -> None:
    assert ended(None, problem=problem) == (Status.FAILED, problem)


@pytest.mark.parametrize(
    ("diagnostic", "reason"),
    [
        (Diagnostic("error", "Error acquiring the state lock", "…\nLock Info:\n"), "state_locked"),
        (Diagnostic("error", "Error acquiring the state lock", "refused"), "state_unreachable"),
        (Diagnostic("error", "Other", "Lock Info:"), "plan_failed"),
    ],
)
def test_a_held_lock_is_told_from_a_dead_backend(diagnostic: Diagnostic, reason: str) -> None:
    last = failed(Phase.PLAN, diagnostics=[diagnostic])
    assert ended(last) == (Status.FAILED, Reason(reason))


def test_a_result_holds_what_its_steps_left() -> None:
    seals = [EndRecord(number, EndKind.COMPLETE, 9, "00") for number in (1, 2, 3)]
    last = replace(
        APPLIED, changed=["a.b"], outputs=[Output("url", sensitive=False)], ended_at="then"
    )
    steps = [replace(one, seal=seal) for one, seal in zip((INIT, PLAN, last), seals, strict=True)]
    context = EndContext(Phase.APPLY, host="h", terraform_version="1.11.4", detail="words")
    assert conclude(steps, context, Reconciliation()) == DeploymentResult(
        status=Status.COMPLETED,
        reason=Reason.APPLIED,
        phase=Phase.APPLY,
        detail="words",
        counts=Counts(add=2, change=1),
        planned=Counts(add=3),
        changed=["a.b"],
        outputs=[Output("url", sensitive=False)],
        seals=seals,
        plan_sha256="ab",
        host="h",
        terraform_version="1.11.4",
        ended_at="then",
    )


@pytest.mark.parametrize(("cancel", "too_late"), [(BY_USER, True), (None, False)])
def test_a_cancel_after_the_work_was_done_is_kept_as_too_late(
    cancel: CancelRequest | None, too_late: bool
) -> None:
    """The record said that no cancel came too late, whatever came."""
    assert (
        conclude([APPLIED], EndContext(Phase.APPLY, cancel), Reconciliation()).cancel_too_late
        is too_late
    )


def test_a_cancel_in_time_is_not_too_late() -> None:
    last = stopped(Phase.APPLY, StopCause.CANCEL)
    assert not conclude([last], EndContext(Phase.APPLY, BY_USER), Reconciliation()).cancel_too_late


def test_what_a_step_left_out_stays_counted() -> None:
    """An apply of 500 resources said that 200 changed and that nothing was left out."""
    result = conclude([replace(APPLIED, omitted=300)], EndContext(Phase.APPLY), Reconciliation())
    assert result.omitted == 300


STEPS = st.builds(
    StepResult,
    key=st.just(StepKey("dep-1", 1)),
    phase=st.sampled_from([Phase.INIT, Phase.PLAN, Phase.APPLY]),
    outcome=st.sampled_from(StepOutcome),
    exit_code=st.sampled_from([None, 0, 1]),
    stop=st.none() | st.sampled_from(StopCause),
    clean=st.booleans(),
    applied=st.booleans(),
    counts=st.builds(Counts, add=st.integers(0, 2)),
    seal=st.none(),
)
CONTEXTS = st.builds(
    EndContext,
    phase=st.just(Phase.APPLY),
    cancel=st.sampled_from([None, BY_USER, BY_OPERATOR]),
    problem=st.sampled_from([None, None, Reason.STACK_BUSY]),
    host_lost=st.booleans(),
)
SETTLED = st.builds(
    Reconciliation,
    unrecorded=st.sampled_from([[], ["a.b"]]),
    unknown=st.sampled_from([[], ["a.c"]]),
    inconclusive=st.booleans(),
)


@given(st.lists(STEPS, max_size=4), CONTEXTS, SETTLED)
def test_the_status_is_never_a_guess(
    steps: list[StepResult], context: EndContext, reconciliation: Reconciliation
) -> None:
    result = conclude(steps, context, reconciliation)
    last = steps[-1] if steps else None
    if result.status is Status.COMPLETED:
        assert last is not None
        assert (last.phase, last.exit_code, last.clean) == (Phase.APPLY, 0, True)
        assert last.applied
    if result.status is Status.CANCELLED:
        assert context.cancel is not None
        assert last is None or last.phase is not Phase.APPLY or not last.applied
    if reconciliation != Reconciliation() or context.host_lost:
        assert result.status is Status.NEEDS_ATTENTION
    if last is not None and last.phase is Phase.APPLY and not last.clean and not context.problem:
        assert result.status is Status.NEEDS_ATTENTION
    assert result.reason is not Reason.NONE
    assert result.status in {
        Status.COMPLETED,
        Status.FAILED,
        Status.CANCELLED,
        Status.NEEDS_ATTENTION,
    }


def test_a_refusal_names_the_end_and_says_what_mends_it() -> None:
    last = refused("googleapi: Error 403: Permission 'a.b.create' denied")
    result = conclude([last], EndContext(Phase.APPLY), Reconciliation())

    assert (result.status, result.reason) == (Status.FAILED, Reason.PERMISSION_DENIED)
    assert [finding.message for finding in result.errors] == [
        "The permission a.b.create is missing."
    ]


def test_every_diagnostic_is_an_error_and_the_deciding_one_is_first() -> None:
    """Terraform's own complaints and their causes were two lists, which a reader had to join."""
    last = failed(
        Phase.APPLY,
        diagnostics=[
            Diagnostic("error", "googleapi: Error 503: down", "trace", "a.b", "main.tf", 7),
            Diagnostic("error", "odd", "told", "c.d", "edge.tf", 9),
        ],
    )
    result = conclude([last], EndContext(Phase.APPLY), Reconciliation())

    assert result.reason is Reason.APPLY_FAILED
    odd, down = result.errors
    assert (odd.cause, odd.message, odd.detail) == (Reason.APPLY_FAILED, "odd", "told")
    assert (odd.resource, odd.file, odd.line) == ("c.d", "edge.tf", 9)
    assert (down.cause, down.resource, down.file) == (Reason.GOOGLE_UNAVAILABLE, "a.b", "main.tf")
    assert down.detail == "googleapi: Error 503: down\ntrace"
    assert all(error.severity is Severity.BLOCKING and error.next_step for error in result.errors)


def test_a_warning_of_terraform_has_no_cause_and_stays_a_warning() -> None:
    last = replace(APPLIED, diagnostics=[Diagnostic("warning", "deprecated")])
    (warning,) = conclude([last], EndContext(Phase.APPLY), Reconciliation()).errors
    assert (warning.cause, warning.severity) == (Reason.NONE, Severity.WARNING)


def test_who_must_act_on_an_error_follows_from_its_cause() -> None:
    last = failed(Phase.APPLY, diagnostics=[Diagnostic("error", "Failed to save state")])
    (error,) = conclude([last], EndContext(Phase.APPLY), Reconciliation()).errors
    assert (error.cause, error.audience) == (Reason.STATE_NOT_SAVED, Audience.OPERATOR)
