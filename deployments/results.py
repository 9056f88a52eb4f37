"""How a deployment ended, derived from the results of the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deployments.changes import made_changes, planned_changes
from deployments.deployment import CancelRequest, DeploymentResult, Status
from deployments.explanations import explain
from deployments.findings import Effect, Finding, Severity, finding
from deployments.open_enum import OpenEnum
from deployments.payload_size import Cuttable, encoded_bytes, fit
from deployments.phase import TERRAFORM_PHASES, Phase
from deployments.reasons import Reason
from deployments.refusal_causes import causes_of, classify, refusals_of
from deployments.step import (
    Counts,
    Diagnostic,
    SilentChange,
    StepOutcome,
    StepResult,
    StopCause,
    last_step,
)
from deployments.step_detail import is_disk_full, step_detail

__all__ = ["EndContext", "Reconciliation", "Recovery", "conclude", "fit_to_memo"]

_End = tuple[Status, Reason]

# Temporal returns the memo in every list, so a result takes 14 KB at most, and 140 bytes for each
# seal. Outputs get what the rest leaves, 5 KB at least.
_MAX_BYTES = 14_000
_MAX_REST_BYTES = 9_000

_END_BY_OUTCOME: dict[StepOutcome, _End] = {
    StepOutcome.START_FAILED: (Status.FAILED, Reason.START_FAILED),
    StepOutcome.SIGN_IN_EXPIRED: (Status.FAILED, Reason.SIGN_IN_EXPIRED),
    StepOutcome.HOST_LOST: (Status.NEEDS_ATTENTION, Reason.HOST_LOST),
    StepOutcome.UNKNOWN: (Status.NEEDS_ATTENTION, Reason.OUTCOME_UNKNOWN),
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


class Recovery(OpenEnum):
    """The recovery of a state that terraform could not save."""

    NONE = "none"
    SAVED = "saved"
    PENDING = "pending"
    UNKNOWN = "unknown"


# The reason of an end whose state the host has saved, or saves as soon as the store answers.
_RECOVERIES: dict[Recovery, Reason] = {
    Recovery.SAVED: Reason.STATE_RECOVERED,
    Recovery.PENDING: Reason.STATE_BEING_RECOVERED,
    Recovery.UNKNOWN: Reason.STATE_BEING_RECOVERED,
}
# The errors of terraform that a recovery settles.
_SETTLED = frozenset({Reason.STATE_NOT_SAVED, Reason.STATE_UNREACHABLE})


@dataclass(frozen=True)
class Reconciliation:
    """The host and the state compared after an abnormal end.

    Terraform reported `unrecorded` addresses complete, and the state lacks them; the operations of
    `unknown` addresses reported no end. `inconclusive`: the comparison failed or a process remains.
    `silent` are the changes of the state alone that an incomplete apply made.
    `tainted` addresses are in the state, but their creation did not end.
    `unsaved` addresses are in the state that a pending `recovery` saves.
    """

    unrecorded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    inconclusive: bool = False
    silent: list[SilentChange] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)
    tainted: list[str] = field(default_factory=list)
    recovery: Recovery = Recovery.NONE


@dataclass(frozen=True)
class EndContext(Cuttable):
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
    """The result of a deployment, complete: `fit_to_memo` shortens a result.

    `completed` needs an apply that terraform called complete and that exited with 0. An outcome
    that cannot be determined is `needs_attention`.
    """
    status, reason = _end(steps, context, reconciliation)
    if context.destroy:
        reason = _DESTROYED.get(reason, reason)
    last = steps[-1] if steps else None
    # After a refused apply the deployment may have ended in the plan of the next try.
    apply = last_step(steps, Phase.APPLY)
    plan = last_step(steps, Phase.PLAN)
    # Includes the changes of earlier applies, which were refused half-way.
    made = made_changes(steps, reconciliation.silent)
    begun = {*made.silent, *reconciliation.tainted}
    return DeploymentResult(
        status=status,
        reason=reason,
        phase=context.phase,
        detail=context.detail or (step_detail(last) if last else ""),
        counts=made.counts,
        changed=made.changed,
        not_applied=[address for address in apply.not_applied if address not in begun]
        if apply
        else [],
        tainted=reconciliation.tainted,
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
        omitted=sum(step.omitted for step in steps if step.phase is Phase.APPLY or step is last),
        planned=planned_changes(steps),
        unchanged=apply.unchanged if apply else [],
    )


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
    settled = finding(reason, next_step=explain(reason, destroy=destroy).next_step)
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
        actor=explain(cause).actor,
        effect=Effect.FATAL if is_error else Effect.HARMLESS,
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
    if recovery is not Recovery.SAVED or known is not status:
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
    if last.phase is Phase.APPLY and (end := _end_of_apply(last, planned_changes(steps))):
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


def _end_of_apply(last: StepResult, planned: Counts) -> _End | None:
    done = last.outcome is StepOutcome.DONE
    if done and last.applied and last.clean and last.exit_code == 0:
        has_changes = planned.total or last.counts.total
        return Status.COMPLETED, Reason.APPLIED if has_changes else Reason.NO_CHANGES
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
    """Shorten a result until the result fits the memo.

    The outputs share the room that the rest leaves: each is named, and in their order those keep
    their values whose values fit. The seals stay, since a log is complete only with all of them.
    Where errors are left out, the first of each cause and type of resource are the last to go.
    """
    seals, outputs = result.seals, result.outputs
    whole = replace(result, seals=[], outputs=[], omitted_outputs=[])
    rest = fit(whole, _MAX_REST_BYTES)
    if len(rest.errors) < len(result.errors):
        rest = fit(replace(whole, errors=_kinds_first(result.errors)), _MAX_REST_BYTES)
    names = [*(output.name for output in outputs), *result.omitted_outputs]
    sizes = [encoded_bytes(name) + len(",") for name in names]
    room = _MAX_BYTES - encoded_bytes(rest)
    named = _fitting(sizes, room)
    room -= sum(named.values())
    shown = _fitting(
        [
            encoded_bytes(output) + len(",") if position in named else room + 1
            for position, output in enumerate(outputs)
        ],
        room,
    )
    return replace(
        rest,
        seals=seals,
        outputs=[outputs[position] for position in shown],
        omitted_outputs=[names[position] for position in named if position not in shown],
        omitted=rest.omitted + len(names) - len(named),
    )


def _kinds_first(errors: Sequence[Finding]) -> list[Finding]:
    """The errors, the first of each cause and type of resource before the others."""
    kinds: dict[tuple[Reason, str], Finding] = {}
    others = []
    for error in errors:
        # The address without index and name: the type, with the path of the module.
        kind = error.cause, error.resource.partition("[")[0].rpartition(".")[0]
        if kinds.setdefault(kind, error) is not error:
            others.append(error)
    return [*kinds.values(), *others]


def _fitting(sizes: Sequence[int], room: int) -> dict[int, int]:
    """The positions of the entries that fit together, in their order, each with the size."""
    fitting: dict[int, int] = {}
    for position, size in enumerate(sizes):
        if size <= room:
            room -= size
            fitting[position] = size
    return fitting
