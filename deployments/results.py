"""How a deployment ended, derived from the results of the steps."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from deployments.deployment import CancelRequest, DeploymentResult, Status
from deployments.findings import Finding, Severity
from deployments.phase import TERRAFORM_PHASES, Phase
from deployments.reasons import Reason, explain
from deployments.refusal_causes import causes_of, classify, refusals_of
from deployments.step import Counts, Diagnostic, Output, StepOutcome, StepResult, StopCause
from deployments.step_detail import is_disk_full, step_detail

__all__ = ["EndContext", "Reconciliation", "Recovery", "conclude", "fit_to_memo"]

_End = tuple[Status, Reason]

# Temporal returns the memo in every list. The design promises 16 KB; the rest is the envelope.
_MAX_BYTES = 15_000
_CUT_MARK = " [cut]"
# A step's result carries outputs of up to 4,000 characters.
_MAX_OUTPUT_CHARACTERS = 4_100
# Entries per list and characters per text, tried in this order. JSON writes a character with up to
# 12 bytes, so the last pair takes 6 KB at most, beside a seal (140 bytes) per step.
_SIZES = ((1000, 1200), (200, 1200), (50, 1200), (10, 1200), (3, 1200), (1, 300), (0, 100))

_END_BY_OUTCOME: dict[StepOutcome, _End] = {
    StepOutcome.START_FAILED: (Status.FAILED, Reason.START_FAILED),
    StepOutcome.SIGN_IN_EXPIRED: (Status.FAILED, Reason.SIGN_IN_EXPIRED),
    StepOutcome.HOST_LOST: (Status.NEEDS_ATTENTION, Reason.HOST_LOST),
}
_REASON_BY_STOP: dict[StopCause | None, Reason] = {
    StopCause.DRAIN: Reason.HOST_STOPPED,
    StopCause.TERMINATED: Reason.HOST_STOPPED,
    StopCause.LOST_LEASE: Reason.LEASE_LOST,
}
# The reason of an end when the plan was a destroy.
_DESTROYED: dict[Reason, Reason] = {
    Reason.APPLIED: Reason.DESTROYED,
    Reason.NO_CHANGES: Reason.NOTHING_TO_DESTROY,
}


class Recovery(StrEnum):
    """What became of a state that terraform could not save."""

    NONE = "none"
    SAVED = "saved"
    PENDING = "pending"


# The reason of an end whose state the host has saved, or saves as soon as the store answers.
_RECOVERIES: dict[Recovery, Reason] = {
    Recovery.SAVED: Reason.STATE_RECOVERED,
    Recovery.PENDING: Reason.STATE_BEING_RECOVERED,
}
# The errors of terraform that a recovery settles.
_SETTLED = frozenset({Reason.STATE_NOT_SAVED, Reason.STATE_UNREACHABLE})


@dataclass(frozen=True)
class Reconciliation:
    """The host and the state compared after an abnormal end.

    Terraform reported `unrecorded` addresses complete, and the state lacks them; the operations of
    `unknown` addresses reported no end. `inconclusive`: the comparison failed or a process remains.
    `unsaved` addresses are in the state that a pending `recovery` saves.
    """

    unrecorded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    inconclusive: bool = False
    unsaved: list[str] = field(default_factory=list)
    recovery: Recovery = Recovery.NONE


@dataclass(frozen=True)
class EndContext:
    """All that decides a deployment's end besides the steps.

    `problem` is why the deployment ended outside any step, `detail` the text of that error,
    `findings` those of preflight when they are the problem. `host_lost`: the host did not answer
    again. `waiting`: the deployment was waiting for the next try. `warnings` come from the host.
    """

    phase: Phase
    cancel: CancelRequest | None = None
    problem: Reason | None = None
    detail: str = ""
    host: str = ""
    terraform_version: str = ""
    host_lost: bool = False
    findings: list[Finding] = field(default_factory=list)
    waiting: bool = False
    destroy: bool = False
    template_version: str = ""
    warnings: list[Finding] = field(default_factory=list)


def conclude(
    steps: Sequence[StepResult], context: EndContext, reconciliation: Reconciliation
) -> DeploymentResult:
    """The result of a deployment, shortened to fit the memo.

    `completed` needs an apply that terraform called complete and that exited with 0. An outcome
    that cannot be determined is `needs_attention`.
    """
    status, reason = _end(steps, context, reconciliation)
    if context.destroy:
        reason = _DESTROYED.get(reason, reason)
    last = steps[-1] if steps else None
    applies = _applies(steps)
    apply = last if last is not None and last.phase is Phase.APPLY else None
    plan = next((step for step in reversed(steps) if step.phase is Phase.PLAN), None)
    return fit_to_memo(
        DeploymentResult(
            status=status,
            reason=reason,
            phase=context.phase,
            detail=context.detail or (step_detail(last) if last else ""),
            counts=_counts(applies, plan),
            # Includes the resources of earlier applies, which were refused half-way.
            changed=list(dict.fromkeys(name for step in applies for name in step.changed)),
            not_applied=apply.not_applied if apply else [],
            unrecorded=[*reconciliation.unrecorded, *reconciliation.unsaved],
            unknown=reconciliation.unknown,
            errors=[
                *context.findings,
                *_settled(
                    _errors(last, destroy=context.destroy), reconciliation, destroy=context.destroy
                ),
                *context.warnings,
            ],
            outputs=apply.outputs if apply and status is Status.COMPLETED else [],
            seals=[step.seal for step in steps if step.seal is not None],
            plan_sha256=plan.plan_sha256 if plan else "",
            cancel=context.cancel,
            cancel_too_late=context.cancel is not None and status is Status.COMPLETED,
            host=context.host,
            terraform_version=context.terraform_version,
            template_version=context.template_version,
            ended_at=last.ended_at if last else "",
            omitted=last.omitted if last else 0,
        )
    )


def _applies(steps: Sequence[StepResult]) -> list[StepResult]:
    return [step for step in steps if step.phase is Phase.APPLY]


def _counts(applies: Sequence[StepResult], plan: StepResult | None) -> Counts:
    """The changes of all applies; the plan's where the last apply did not complete."""
    if applies and applies[-1].applied:
        return sum((apply.counts for apply in applies), start=Counts())
    return plan.counts if plan is not None else Counts()


def _errors(last: StepResult | None, *, destroy: bool) -> list[Finding]:
    """The diagnostics of the last step as findings, those that decide the reason first."""
    if last is None:
        return []
    failed = TERRAFORM_PHASES[last.phase].failed
    order = [*(refusal.reason for refusal in refusals_of(last)), failed]
    errors = [_as_finding(diagnostic, failed, destroy=destroy) for diagnostic in last.diagnostics]
    return sorted(
        errors, key=lambda error: order.index(error.cause) if error.cause in order else len(order)
    )


def _settled(
    errors: Sequence[Finding], reconciliation: Reconciliation, *, destroy: bool
) -> list[Finding]:
    """The errors, without terraform's advice to save the state by hand where the host does."""
    reason = _RECOVERIES.get(reconciliation.recovery)
    if reason is None:
        return list(errors)
    explanation = explain(reason, destroy=destroy)
    settled = Finding(
        cause=reason,
        message=explanation.message,
        severity=Severity.BLOCKING,
        next_step=explanation.next_step,
        audience=explanation.audience,
    )
    replaced = [settled if error.cause in _SETTLED else error for error in errors]
    return list(dict.fromkeys(replaced))


def _as_finding(diagnostic: Diagnostic, failed: Reason, *, destroy: bool) -> Finding:
    """A diagnostic with a known cause, else `failed`; a warning has the cause `none`."""
    is_error = diagnostic.severity == "error"
    if is_error and (refusal := classify(diagnostic)):
        text = "\n".join(filter(None, (diagnostic.summary, diagnostic.detail)))
        return replace(refusal.finding, detail=text, file=diagnostic.file, line=diagnostic.line)
    cause = failed if is_error else Reason.NONE
    return Finding(
        cause=cause,
        message=diagnostic.summary,
        severity=Severity.BLOCKING if is_error else Severity.WARNING,
        next_step=explain(cause, destroy=destroy).next_step,
        audience=explain(cause).audience,
        resource=diagnostic.address,
        detail=diagnostic.detail,
        file=diagnostic.file,
        line=diagnostic.line,
    )


def _end(steps: Sequence[StepResult], context: EndContext, reconciliation: Reconciliation) -> _End:
    if doubt := _doubt(steps, context, reconciliation):
        return Status.NEEDS_ATTENTION, doubt
    if context.problem is not None:
        return Status.FAILED, context.problem
    if not steps or (context.waiting and context.cancel is not None):
        return _cancelled(context)
    return _recovered(steps, context, reconciliation.recovery)


def _recovered(steps: Sequence[StepResult], context: EndContext, recovery: Recovery) -> _End:
    """The end of a step whose state the host has saved, or saves later.

    While a recovery is pending, no other reason may say that the state was saved.
    """
    status, reason = end = _end_of_step(steps, context)
    if recovery is Recovery.NONE or status is Status.COMPLETED:
        return end
    # Terraform writes the copy after the last operation, so a later kill leaves no doubt.
    known = Status.FAILED if status is Status.NEEDS_ATTENTION else status
    if recovery is Recovery.PENDING or known is not status:
        return known, _RECOVERIES[recovery]
    if reason not in _SETTLED:
        return end
    others = [error for error in causes_of(steps[-1]) if not _is_settled(error)]
    if others:
        return _end_of_step([*steps[:-1], replace(steps[-1], diagnostics=others)], context)
    return status, Reason.STATE_RECOVERED


def _is_settled(diagnostic: Diagnostic) -> bool:
    refusal = classify(diagnostic)
    return refusal is not None and refusal.reason in _SETTLED


def _doubt(
    steps: Sequence[StepResult], context: EndContext, reconciliation: Reconciliation
) -> Reason | None:
    if context.host_lost:
        return Reason.HOST_LOST
    if reconciliation.unrecorded:
        return Reason.UNRECORDED_RESOURCES
    if not (reconciliation.inconclusive or reconciliation.unknown):
        return None
    return _host_cause(steps[-1]) if steps else Reason.OUTCOME_UNKNOWN


def _host_cause(step: StepResult) -> Reason:
    """Why the outcome of a step is unknown."""
    if step.death:
        return Reason.TERRAFORM_DIED
    return Reason.DISK_FULL if is_disk_full(step) else Reason.OUTCOME_UNKNOWN


def _end_of_step(steps: Sequence[StepResult], context: EndContext) -> _End:
    last = steps[-1]
    if last.phase is Phase.APPLY and (end := _end_of_apply(last, _applies(steps))):
        return end
    if last.death and last.outcome is StepOutcome.FAILED:
        return Status.FAILED, Reason.TERRAFORM_DIED
    if is_disk_full(last):
        return Status.FAILED, Reason.DISK_FULL
    if last.outcome is StepOutcome.FAILED:
        refusals = refusals_of(last)
        failed = TERRAFORM_PHASES[last.phase].failed
        return Status.FAILED, refusals[0].reason if refusals else failed
    return _END_BY_OUTCOME.get(last.outcome) or _end_of_stop(last, context)


def _end_of_apply(last: StepResult, applies: Sequence[StepResult]) -> _End | None:
    done = last.outcome is StepOutcome.DONE
    if done and last.applied and last.clean and last.exit_code == 0:
        changed = any(apply.counts.total for apply in applies)
        return Status.COMPLETED, Reason.APPLIED if changed else Reason.NO_CHANGES
    if last.outcome is StepOutcome.RUNNER_LOST:
        return Status.NEEDS_ATTENTION, Reason.RUNNER_LOST
    # Reported complete without a clean exit, or exited without the report: cannot be determined.
    if done or last.applied or not last.clean:
        return Status.NEEDS_ATTENTION, _host_cause(last)
    return None


def _end_of_stop(last: StepResult, context: EndContext) -> _End:
    if last.stop is StopCause.DEADLINE:
        return Status.FAILED, TERRAFORM_PHASES[last.phase].timed_out
    if last.stop is StopCause.NO_PROGRESS:
        return Status.FAILED, TERRAFORM_PHASES[last.phase].stalled
    if context.cancel is not None:
        return _cancelled(context)
    if last.outcome is StepOutcome.RUNNER_LOST:
        return Status.FAILED, Reason.RUNNER_LOST
    return Status.FAILED, _REASON_BY_STOP.get(last.stop, Reason.INTERNAL_ERROR)


def _cancelled(context: EndContext) -> _End:
    if context.cancel is None:
        return Status.FAILED, Reason.INTERNAL_ERROR
    # The API always sends a name; without a name the cancel came from Temporal.
    by_user = bool(context.cancel.by)
    return Status.CANCELLED, (Reason.CANCELLED_BY_USER if by_user else Reason.CANCELLED_BY_OPERATOR)


def fit_to_memo(result: DeploymentResult) -> DeploymentResult:
    """Shorten a result until the result fits the memo; `omitted` counts the entries left out."""
    for entries, characters in _SIZES:
        shorter = _shortened(result, entries, characters)
        if len(json.dumps(asdict(shorter))) <= _MAX_BYTES:
            break
    return shorter


def _shortened(result: DeploymentResult, entries: int, characters: int) -> DeploymentResult:
    cancel = result.cancel
    if cancel is not None:
        cancel = CancelRequest(_cut(cancel.by, characters), _cut(cancel.reason, characters))
    shorter = replace(
        result,
        detail=_cut(result.detail, characters),
        cancel=cancel,
        host=_cut(result.host, characters),
        terraform_version=_cut(result.terraform_version, characters),
        changed=_whole(result.changed, entries, characters),
        not_applied=_whole(result.not_applied, entries, characters),
        unrecorded=_whole(result.unrecorded, entries, characters),
        unknown=_whole(result.unknown, entries, characters),
        errors=[_shorten_finding(error, characters) for error in result.errors[:entries]],
        outputs=[output for output in result.outputs if _is_short(output)][:entries],
    )
    return replace(shorter, omitted=result.omitted + _entries(result) - _entries(shorter))


def _entries(result: DeploymentResult) -> int:
    addresses = (result.changed, result.not_applied, result.unrecorded, result.unknown)
    return sum(map(len, addresses)) + len(result.outputs) + len(result.errors)


def _whole(addresses: list[str], entries: int, characters: int) -> list[str]:
    """Only whole addresses: half an address would name another resource."""
    return [address for address in addresses if len(address) <= characters][:entries]


def _is_short(output: Output) -> bool:
    """Half a value is useless, and a long value must not displace all other entries."""
    return len(output.name) + len(output.value_json) <= _MAX_OUTPUT_CHARACTERS


def _shorten_finding(finding: Finding, characters: int) -> Finding:
    return replace(
        finding,
        message=_cut(finding.message, characters),
        next_step=_cut(finding.next_step, characters),
        fix=_cut(finding.fix, characters),
        resource=_cut(finding.resource, characters),
        detail=_cut(finding.detail, characters),
        file=_cut(finding.file, characters),
    )


def _cut(text: str, characters: int) -> str:
    if len(text) <= characters:
        return text
    return text[: characters - len(_CUT_MARK)] + _CUT_MARK
