"""A terraform that died by itself: each cause has sentences of its own, and a reason."""

import signal

import pytest

from deployments.deployment import Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import Diagnostic, StepOutcome, StepResult, StopCause
from deployments.terraform_death import Death, cause_of_death
from tests.deployments.steps import step

KILLED = "Terraform was killed by signal 9 (SIGKILL), not sent by this service."


@pytest.mark.parametrize(
    ("death", "parts"),
    [
        (Death(signal=signal.SIGKILL), [KILLED, "Another program sent the signal, or the kernel"]),
        (Death(signal=signal.SIGKILL, oom_kills=1), [KILLED, "for lack of memory", "more memory"]),
        (
            # Of a terraform that this service had interrupted before.
            Death(signal=signal.SIGKILL, sent=frozenset({"SIGINT"})),
            [KILLED],
        ),
        (Death(signal=signal.SIGSEGV), ["signal 11 (SIGSEGV), not sent"]),
        (Death(signal=signal.SIGBUS, disk_full=True), ["SIGBUS", "The disk of the host was full."]),
        (Death(exit_code=2, crash="panic: nil map"), ["Terraform or a provider crashed: panic:"]),
        (Death(exit_code=2, crash="fatal error: runtime: out of memory"), ["out of memory"]),
        (Death(exit_code=1, interrupted=True), ["Another program interrupted terraform."]),
        (Death(exit_code=1, oom_kills=2), ["for lack of memory"]),
    ],
)
def test_a_death_names_the_signal_and_the_likely_cause(death: Death, parts: list[str]) -> None:
    text = cause_of_death(death)
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize(
    "death",
    [
        Death(exit_code=0, oom_kills=3),
        Death(exit_code=1),
        Death(exit_code=0, interrupted=True),
        Death(signal=signal.SIGKILL, sent=frozenset({"SIGINT", "SIGKILL"})),
        Death(signal=signal.SIGINT, sent=frozenset({"SIGINT"})),
        Death(exit_code=1, interrupted=True, sent=frozenset({"SIGINT"})),
    ],
)
def test_an_orderly_end_and_a_stop_by_this_service_are_no_death(death: Death) -> None:
    assert not cause_of_death(death)


@pytest.mark.parametrize(
    ("ended", "status", "reason"),
    [
        (
            # "Terraform had to be killed": not by this service.
            step(Phase.APPLY, StepOutcome.FAILED, clean=False, death=KILLED),
            Status.NEEDS_ATTENTION,
            Reason.TERRAFORM_DIED,
        ),
        (
            step(Phase.PLAN, StepOutcome.FAILED, clean=True, death=KILLED),
            Status.FAILED,
            Reason.TERRAFORM_DIED,
        ),
        (
            step(Phase.APPLY, StepOutcome.STOPPED, stop=StopCause.DISK_FULL, disk_full=True),
            Status.FAILED,
            Reason.DISK_FULL,
        ),
        (
            step(Phase.APPLY, StepOutcome.START_FAILED, disk_full=True),
            Status.FAILED,
            Reason.DISK_FULL,
        ),
        (
            step(
                Phase.APPLY,
                StepOutcome.FAILED,
                diagnostics=[
                    Diagnostic("error", "Failed to write state", "x: no space left on device.")
                ],
            ),
            Status.FAILED,
            Reason.DISK_FULL,
        ),
        (
            # The output of a program that may have written anywhere.
            step(
                Phase.APPLY,
                StepOutcome.FAILED,
                diagnostics=[
                    Diagnostic("error", "local-exec provisioner error", "no space left on device")
                ],
            ),
            Status.FAILED,
            Reason.APPLY_FAILED,
        ),
        (
            step(Phase.APPLY, StepOutcome.DONE, applied=True, exit_code=0, disk_full=True),
            Status.COMPLETED,
            Reason.NO_CHANGES,
        ),
    ],
)
def test_the_reason_names_the_death_or_the_disk(
    ended: StepResult, status: Status, reason: Reason
) -> None:
    result = conclude([ended], EndContext(Phase.APPLY), Reconciliation())
    assert (result.status, result.reason) == (status, reason)
    assert ended.death in result.detail
    assert ("The disk of the host was full." in result.detail) == (reason is Reason.DISK_FULL)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"death": KILLED}, "terraform_died"), ({"disk_full": True}, "disk_full")],
)
def test_an_unknown_outcome_keeps_its_cause(fields: dict[str, object], reason: str) -> None:
    died = step(Phase.APPLY, StepOutcome.FAILED, clean=False, **fields)
    result = conclude([died], EndContext(Phase.APPLY), Reconciliation(unknown=["a.b"]))
    assert (result.status, result.reason) == (Status.NEEDS_ATTENTION, reason)


@pytest.mark.parametrize(
    ("phase", "stop", "detail"),
    [
        (Phase.PLAN, StopCause.NO_PROGRESS, "ANAVA_PHASES__PLAN_NO_PROGRESS_SECONDS"),
        (Phase.APPLY, StopCause.NO_PROGRESS, "ANAVA_PHASES__NO_PROGRESS_SECONDS"),
        (
            Phase.APPLY,
            StopCause.DEADLINE,
            "timeouts.apply_seconds, or `anava deploy --apply-seconds`",
        ),
    ],
)
def test_a_limit_that_ended_a_step_is_named_with_the_way_to_raise_it(
    phase: Phase, stop: StopCause, detail: str
) -> None:
    limited = step(phase, StepOutcome.STOPPED, stop=stop, limit_seconds=300)
    result = conclude([limited], EndContext(phase), Reconciliation())
    assert detail in result.detail
    assert "300 s" in result.detail
