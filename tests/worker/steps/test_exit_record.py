"""The result of a step: what it holds of terraform's messages, and what it counts as left out."""

import json
from typing import Any

from adapters.terraform.output.messages import Message, decode
from adapters.terraform.output.progress import ProgressAccumulator
from deployments.deployment import Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import StepKey, StepResult
from worker.steps.exit_record import ExitRecord, StepEvidence, interpret

FORBIDDEN = "googleapi: Error 403: Request is prohibited, reason: SECURITY_POLICY_VIOLATED"


def diagnostic(severity: str, summary: str) -> dict[str, Any]:
    return {"type": "diagnostic", "diagnostic": {"severity": severity, "summary": summary}}


def planned(number: int) -> dict[str, Any]:
    change = {"resource": {"addr": f"a.b[{number}]"}, "action": "create"}
    return {"type": "planned_change", "change": change}


def failed(phase: Phase, *lines: dict[str, Any]) -> StepResult:
    """The result of a terraform that printed these messages and exited with 1."""
    accumulator = ProgressAccumulator()
    for line in lines:
        accumulator.add(decode(json.dumps({"@message": "", **line}).encode()) or Message(""))
    record = ExitRecord("exited", exit_code=1)
    return interpret(StepKey("dep-1", 2), phase, record, accumulator, StepEvidence(None, 1))


def test_an_error_after_sixty_warnings_is_the_cause_of_the_end() -> None:
    """The error was in no field of the answer, and the reason was `plan_failed`."""
    warnings = [diagnostic("warning", f"deprecated {number}") for number in range(60)]
    step = failed(Phase.PLAN, *warnings, diagnostic("error", FORBIDDEN))

    result = conclude([step], EndContext(Phase.PLAN), Reconciliation())

    assert (result.status, result.reason) == (Status.FAILED, Reason.PERIMETER_FORBIDS)
    assert [error.cause for error in result.errors] == [Reason.PERIMETER_FORBIDS]
    assert result.omitted == 0


def test_the_deciding_error_is_the_first_of_many_and_the_rest_is_counted() -> None:
    """Of 60 errors only the first ten were judged; the error that ended the run came later."""
    errors = [diagnostic("error", f"Invalid value {number}") for number in range(60)]
    step = failed(Phase.PLAN, *errors, diagnostic("error", FORBIDDEN))

    result = conclude([step], EndContext(Phase.PLAN), Reconciliation())

    assert result.reason is Reason.PERIMETER_FORBIDS
    assert result.errors[0].cause is Reason.PERIMETER_FORBIDS
    assert len(result.errors) + result.omitted == 61


def test_resources_that_a_failed_plan_would_have_made_are_not_left_out_of_anything() -> None:
    step = failed(Phase.PLAN, *map(planned, range(300)), diagnostic("error", FORBIDDEN))
    assert (step.not_applied, step.omitted) == ([], 0)
