"""Every refusal that was seen finds its row, and nothing else does."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.cause_rows import Action, CauseRow
from deployments.findings import Effect, Severity, finding, with_severity
from deployments.google_causes import GOOGLE_CAUSES
from deployments.google_errors import GoogleError, parse
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.refusal_causes import (
    Refusal,
    classify,
    fatal_finding,
    refusals_of,
    without_own_lock,
)
from deployments.step import Diagnostic, StepKey, StepOutcome, StepResult
from tests.support import refusals
from tests.support.seen_refusals import SEEN

ROOT = Path(__file__).resolve().parent.parent.parent


def error(summary: str, detail: str = "", address: str = "") -> Diagnostic:
    return Diagnostic("error", summary, detail, address)


def failed(*diagnostics: Diagnostic, phase: Phase = Phase.APPLY) -> StepResult:
    return StepResult(
        StepKey("dep-1", 3),
        phase,
        StepOutcome.FAILED,
        exit_code=1,
        diagnostics=list(diagnostics),
    )


@pytest.mark.parametrize(("summary", "reason", "action", "said"), SEEN)
def test_a_refusal_that_was_seen_has_its_cause(
    summary: str, reason: Reason, action: Action, said: str
) -> None:
    refusal = classify(error(summary, address="google_x.y"))

    assert refusal is not None
    assert (refusal.reason, refusal.action) == (reason, action)
    assert said in refusal.finding.message
    assert "{" not in refusal.finding.message + refusal.finding.fix
    assert refusal.finding.resource == "google_x.y"
    assert refusal.finding.severity is Severity.BLOCKING


def test_what_google_names_is_in_the_command_that_mends_it() -> None:
    refusal = classify(error(refusals.DISABLED_SECRET))

    assert refusal is not None
    assert refusal.finding.fix == (
        "gcloud services enable secretmanager.googleapis.com --project 123456789012"
    )


def test_a_lock_is_somebody_elses_only_with_the_lock_in_the_text() -> None:
    held = classify(error(refusals.LOCKED, refusals.LOCKED_DETAIL))
    away = classify(error(refusals.LOCKED, refusals.UNREACHABLE_DETAIL))

    assert held is not None
    assert away is not None
    assert (held.reason, held.action) == (Reason.STATE_LOCKED, Action.FAIL)
    assert (away.reason, away.action) == (Reason.STATE_UNREACHABLE, Action.RETRY)


@pytest.mark.parametrize(
    "diagnostic",
    [
        error("local-exec provisioner error", refusals.RATE_ACCOUNT),
        error("local-exec provisioner error", "Output: googleapi: Error 429: slow down, quota"),
        error("Invalid index", "The given key does not identify an element."),
        error("Error creating Secret: googleapi: Error 404: not found"),
        error("Error creating Secret: googleapi: Error 400: Invalid value, invalid"),
        error("Error waiting: Error code 77, message: strange"),
        error("googleapi: Error 42: no such status"),
        error(""),
    ],
)
def test_what_no_row_knows_has_no_cause(diagnostic: Diagnostic) -> None:
    assert classify(diagnostic) is None
    assert refusals_of(failed(diagnostic)) == []


def test_google_decides_by_its_reason_and_not_by_its_words() -> None:
    """Messages are translated and reworded; reasons are part of the API."""
    text = refusals.google_error("", 403, "Zugriff verweigert", "SERVICE_DISABLED", service="a.b")
    refusal = classify(error(text))

    assert refusal is not None
    assert refusal.reason is Reason.API_DISABLED
    assert refusal.finding.message.startswith("a.b is disabled")


@pytest.mark.parametrize(
    "service", ["`rm -rf`", "a\nb", "[x](https://evil.example)", "x" * 5000, "<b>", "a b", "é"]
)
def test_no_markup_and_no_screenful_gets_into_a_sentence(service: str) -> None:
    text = refusals.google_error("", 403, "off", "SERVICE_DISABLED", service=service)
    refusal = classify(error(text))

    assert refusal is not None
    assert service not in refusal.finding.message
    assert refusal.finding.fix == ""


@given(st.text(max_size=300), st.integers(0, 999))
def test_any_answer_can_be_read(text: str, code: int) -> None:
    for summary in (
        text,
        f"{text}googleapi: Error {code}: {text}\nDetails:\n{text}",
        f"googleapi: Error {code}: {text}\nDetails:\n{json.dumps([text, {'reason': text}])}",
        f"googleapi: Error {code}: x\nMore details:\nReason: {text}, Message: {text}",
    ):
        found = parse(summary)
        assert found.http in {0, *range(100, 1000)} or found.http == code
        classify(error(summary))


def test_details_that_nest_without_end_are_no_details() -> None:
    assert parse("googleapi: Error 403: x\nDetails:\n" + "[" * 100_000).reasons == frozenset()


def test_cut_details_leave_code_and_words() -> None:
    refusal = classify(error(refusals.PERMISSION_ACCOUNT[:-60]))

    assert refusal is not None
    assert refusal.reason is Reason.PERMISSION_DENIED
    assert "iam.serviceAccounts.create" in refusal.finding.message


def reasons(*diagnostics: Diagnostic) -> list[Reason]:
    return [item.reason for item in refusals_of(failed(*diagnostics))]


def test_what_only_the_user_can_mend_decides_before_what_mends_itself() -> None:
    found = reasons(
        error(refusals.RATE_ACCOUNT),
        error(refusals.DISABLED_SECRET),
        error(refusals.EXISTS_POOL),
        error(refusals.PERMISSION_ACCOUNT),
        error(refusals.BUILD_FAILED),
    )
    assert found == [
        Reason.BUILD_FAILED,
        Reason.PERMISSION_DENIED,
        Reason.ALREADY_EXISTS,
        Reason.API_DISABLED,
        Reason.RATE_LIMITED,
    ]


def test_an_unknown_error_is_not_tried_again_for_a_known_one_beside_it() -> None:
    unknown = error("Invalid index")

    assert reasons(error(refusals.RATE_ACCOUNT), unknown) == []
    assert reasons(error(refusals.PERMISSION_ACCOUNT), unknown) == [Reason.PERMISSION_DENIED]


def test_echoes_and_warnings_are_no_causes() -> None:
    found = reasons(
        error("execution halted"),
        error(refusals.DOWN_BUCKET),
        error("operation canceled"),
        Diagnostic("warning", refusals.EXPIRED_BUCKET),
    )
    assert found == [Reason.GOOGLE_UNAVAILABLE]
    assert reasons(error("execution halted")) == []


def test_the_same_refusal_of_the_same_resource_is_told_once() -> None:
    twice = error(refusals.DOWN_BUCKET, address="a.b")
    assert len(refusals_of(failed(twice, twice))) == 1


@pytest.mark.parametrize("outcome", sorted(set(StepOutcome) - {StepOutcome.FAILED}))
def test_a_step_that_was_stopped_or_done_was_not_refused(outcome: StepOutcome) -> None:
    """A stop leaves the same errors behind, and its own cause decides."""
    stopped = StepResult(
        StepKey("dep-1", 3),
        Phase.APPLY,
        outcome,
        diagnostics=[error(refusals.RATE_ACCOUNT)],
    )
    assert refusals_of(stopped) == []


def test_every_cause_that_gives_up_or_asks_says_how_to_go_on() -> None:
    seen: list[Refusal] = [one for text, *_ in SEEN if (one := classify(error(text)))]
    for refusal in seen:
        assert refusal.finding.next_step.endswith(".")


@pytest.mark.parametrize(
    "locked", [error(refusals.LOCKED, refusals.LOCKED_DETAIL), error(refusals.LOCKED_AT_INIT)]
)
def test_a_lock_of_our_own_is_no_lock_of_another_terraform(locked: Diagnostic) -> None:
    """Terraform repeated the request for the lock, found its own, and the deployment ended."""
    other = error("googleapi: Error 503: down")
    step = failed(locked, other, phase=Phase.PLAN)
    assert refusals_of(step)[0].action is Action.FAIL
    first, second = without_own_lock(step).diagnostics
    refusal = classify(first)
    assert refusal is not None
    assert (refusal.reason, refusal.action) == (Reason.STATE_UNREACHABLE, Action.RETRY)
    assert second == other


@pytest.mark.parametrize("row", GOOGLE_CAUSES)
def test_a_refusal_outside_terraform_ends_the_deployment_and_promises_no_retry(
    row: CauseRow,
) -> None:
    """The next step of an ended deployment was "The deployment retries by itself"."""
    of_terraform = row.finding(GoogleError(), "")
    fatal = with_severity(of_terraform, Severity.BLOCKING)
    assert (fatal.severity, fatal.effect) == (Severity.BLOCKING, Effect.FATAL)
    assert fatal.message == of_terraform.message
    for item in (fatal, finding(row.reason)):
        assert "The deployment retries" not in item.next_step
        assert "The deployment waits" not in item.next_step
    if "if the error remains" in of_terraform.next_step.lower():
        assert "Deploy again in a few minutes. If the error remains, " in fatal.next_step


def test_a_refusal_without_a_row_has_no_finding() -> None:
    assert fatal_finding(GoogleError(418, message="teapot")) is None
    known = fatal_finding(GoogleError(503), "a.b")
    assert known is not None
    assert (known.cause, known.resource) == (Reason.GOOGLE_UNAVAILABLE, "a.b")
