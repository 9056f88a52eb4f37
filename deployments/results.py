"""How a deployment ended, worked out from what its steps left behind."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from deployments.deployment import CancelRequest, DeploymentResult, Status
from deployments.findings import Finding
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.refusal_causes import refusals_of
from deployments.step import (
    Counts,
    Diagnostic,
    Output,
    StepOutcome,
    StepResult,
    StopCause,
)

__all__ = ["EndContext", "Reconciliation", "conclude", "fit_to_memo"]

_Verdict = tuple[Status, Reason]

# Temporal's memo shows in every list; the design promises 16 KB, the rest is its envelope.
_MOST_BYTES = 15_000
_MARK = " [cut]"
# A step's result carries outputs of up to 4,000 characters.
_LONGEST_OUTPUT = 4_100
# Entries a list and characters a text that are tried one after the other. JSON writes a character
# with up to 12 bytes, so the last step takes 6 KB at most, beside a seal (140 bytes) a step.
_STEPS = ((1000, 1200), (200, 1200), (50, 1200), (10, 1200), (3, 1200), (1, 300), (0, 100))

_REFUSED: dict[Phase, Reason] = {
    Phase.INIT: Reason.INIT_FAILED,
    Phase.PLAN: Reason.PLAN_FAILED,
    Phase.APPLY: Reason.APPLY_FAILED,
}
_BY_PHASE: dict[StopCause | None, dict[Phase, Reason]] = {
    StopCause.DEADLINE: {
        Phase.INIT: Reason.INIT_TIMED_OUT,
        Phase.PLAN: Reason.PLAN_TIMED_OUT,
        Phase.APPLY: Reason.APPLY_TIMED_OUT,
    },
    StopCause.NO_PROGRESS: {
        Phase.INIT: Reason.INIT_STALLED,
        Phase.PLAN: Reason.PLAN_STALLED,
        Phase.APPLY: Reason.APPLY_STALLED,
    },
}
_OF_OUTCOME: dict[StepOutcome, _Verdict] = {
    StepOutcome.START_FAILED: (Status.FAILED, Reason.START_FAILED),
    StepOutcome.SIGN_IN_EXPIRED: (Status.FAILED, Reason.SIGN_IN_EXPIRED),
    StepOutcome.HOST_LOST: (Status.NEEDS_ATTENTION, Reason.HOST_LOST),
}
_OF_CAUSE: dict[StopCause | None, Reason] = {
    StopCause.DRAIN: Reason.HOST_STOPPED,
    StopCause.TERMINATED: Reason.HOST_STOPPED,
    StopCause.LOST_LEASE: Reason.LEASE_LOST,
}


# The same ends have other names when the plan was one that destroys.
_DESTROYED: dict[Reason, Reason] = {
    Reason.APPLIED: Reason.DESTROYED,
    Reason.NO_CHANGES: Reason.NOTHING_TO_DESTROY,
}


@dataclass(frozen=True)
class Reconciliation:
    """What is true on the host and in the state after an abnormal end.

    `unrecorded` were reported complete but are not in the state; `unknown` had begun and never
    reported an end; `unsure`: it could not be found out, or a process is still there.
    """

    unrecorded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    inconclusive: bool = False


@dataclass(frozen=True)
class EndContext:
    """All that decides a deployment's end besides its steps.

    `problem` is what ended it outside any step, `findings` are what preflight found;
    `host_lost`: its host never answered again; `waiting`: it was about to try again; `destroy`: the
    stack was to be destroyed.
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


def conclude(
    steps: Sequence[StepResult], context: EndContext, reconciliation: Reconciliation
) -> DeploymentResult:
    """Name the end: `completed` only for an apply that terraform called complete and ended well.

    What nobody can know is `needs_attention`, never a guess.
    """
    status, reason = _verdict(steps, context, reconciliation)
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
            detail=context.detail or (last.error if last else ""),
            counts=_counts(applies, plan),
            # What an earlier apply of this deployment made before it was refused is made, too.
            changed=list(dict.fromkeys(name for entry in applies for name in entry.changed)),
            not_applied=apply.not_applied if apply else [],
            unrecorded=reconciliation.unrecorded,
            unknown=reconciliation.unknown,
            diagnostics=last.diagnostics if last else [],
            outputs=apply.outputs if apply and status is Status.COMPLETED else [],
            seals=[item.seal for item in steps if item.seal is not None],
            plan_sha256=plan.plan_sha256 if plan else "",
            cancel=context.cancel,
            cancel_too_late=context.cancel is not None and status is Status.COMPLETED,
            host=context.host,
            terraform_version=context.terraform_version,
            ended_at=last.ended_at if last else "",
            omitted=apply.omitted if apply else 0,
            findings=_findings(last, context),
        )
    )


def _applies(steps: Sequence[StepResult]) -> list[StepResult]:
    return [step for step in steps if step.phase is Phase.APPLY]


def _counts(applies: Sequence[StepResult], plan: StepResult | None) -> Counts:
    """What was done, by all applies; where that is not known, what was planned."""
    if applies and applies[-1].applied:
        return sum((apply.counts for apply in applies), start=Counts())
    return plan.counts if plan is not None else Counts()


def _findings(last: StepResult | None, context: EndContext) -> list[Finding]:
    refusals = refusals_of(last) if last is not None else []
    return [*context.findings, *(refusal.finding for refusal in refusals)]


def _verdict(
    steps: Sequence[StepResult], context: EndContext, reconciliation: Reconciliation
) -> _Verdict:
    if doubt := _doubt(context, reconciliation):
        return Status.NEEDS_ATTENTION, doubt
    if context.problem is not None:
        return Status.FAILED, context.problem
    if not steps or (context.waiting and context.cancel is not None):
        return _cancelled(context)
    return _of_step(steps, context)


def _doubt(context: EndContext, reconciliation: Reconciliation) -> Reason | None:
    if context.host_lost:
        return Reason.HOST_LOST
    if reconciliation.unrecorded:
        return Reason.UNRECORDED_RESOURCES
    return Reason.OUTCOME_UNKNOWN if reconciliation.inconclusive or reconciliation.unknown else None


def _of_step(steps: Sequence[StepResult], context: EndContext) -> _Verdict:
    last = steps[-1]
    if last.phase is Phase.APPLY and (verdict := _of_apply(last, _applies(steps))):
        return verdict
    if last.outcome is StepOutcome.FAILED:
        return Status.FAILED, _refusal(last)
    return _OF_OUTCOME.get(last.outcome) or _of_stop(last, context)


def _of_apply(last: StepResult, applies: Sequence[StepResult]) -> _Verdict | None:
    done = last.outcome is StepOutcome.DONE
    if done and last.applied and last.clean and last.exit_code == 0:
        changed = any(apply.counts.total for apply in applies)
        return Status.COMPLETED, Reason.APPLIED if changed else Reason.NO_CHANGES
    if last.outcome is StepOutcome.RUNNER_LOST:
        return Status.NEEDS_ATTENTION, Reason.RUNNER_LOST
    # Called complete without a good end, or ended without being called complete: who knows.
    if done or last.applied or not last.clean:
        return Status.NEEDS_ATTENTION, Reason.OUTCOME_UNKNOWN
    return None


def _of_stop(last: StepResult, context: EndContext) -> _Verdict:
    if last.stop in _BY_PHASE:
        return Status.FAILED, _BY_PHASE[last.stop][last.phase]
    if context.cancel is not None:
        return _cancelled(context)
    if last.outcome is StepOutcome.RUNNER_LOST:
        return Status.FAILED, Reason.RUNNER_LOST
    return Status.FAILED, _OF_CAUSE.get(last.stop, Reason.INTERNAL_ERROR)


def _cancelled(context: EndContext) -> _Verdict:
    if context.cancel is None:
        return Status.FAILED, Reason.INTERNAL_ERROR
    # Only an empty reason text, so no name, comes straight from Temporal (DESIGN section 4).
    by_operator = not context.cancel.by
    return Status.CANCELLED, (
        Reason.CANCELLED_BY_OPERATOR if by_operator else Reason.CANCELLED_BY_USER
    )


def _refusal(last: StepResult) -> Reason:
    refusals = refusals_of(last)
    return refusals[0].reason if refusals else _REFUSED[last.phase]


def fit_to_memo(result: DeploymentResult) -> DeploymentResult:
    """Shorten a result until it fits into the memo; `omitted` counts the entries left out."""
    for most, longest in _STEPS:
        shorter = _shortened(result, most, longest)
        if _size(shorter) <= _MOST_BYTES:
            break
    return shorter


def _shortened(result: DeploymentResult, most: int, longest: int) -> DeploymentResult:
    cancel = result.cancel
    if cancel is not None:
        cancel = CancelRequest(_cut(cancel.by, longest), _cut(cancel.reason, longest))
    shorter = replace(
        result,
        detail=_cut(result.detail, longest),
        cancel=cancel,
        host=_cut(result.host, longest),
        terraform_version=_cut(result.terraform_version, longest),
        changed=_named(result.changed, most, longest),
        not_applied=_named(result.not_applied, most, longest),
        unrecorded=_named(result.unrecorded, most, longest),
        unknown=_named(result.unknown, most, longest),
        diagnostics=[_short(diagnostic, longest) for diagnostic in result.diagnostics[:most]],
        findings=[_briefly(finding, longest) for finding in result.findings[:most]],
        outputs=[output for output in result.outputs if _is_short(output)][:most],
    )
    return replace(shorter, omitted=result.omitted + _entries(result) - _entries(shorter))


def _entries(result: DeploymentResult) -> int:
    addresses = (result.changed, result.not_applied, result.unrecorded, result.unknown)
    others = len(result.diagnostics) + len(result.outputs) + len(result.findings)
    return sum(map(len, addresses)) + others


def _size(result: DeploymentResult) -> int:
    return len(json.dumps(asdict(result)))


def _named(addresses: list[str], most: int, longest: int) -> list[str]:
    """Only whole addresses: half a one would name another resource."""
    return [address for address in addresses if len(address) <= longest][:most]


def _is_short(output: Output) -> bool:
    """Half a value would be none; one that is too long must not push out all other entries."""
    return len(output.name) + len(output.value_json) <= _LONGEST_OUTPUT


def _short(diagnostic: Diagnostic, longest: int) -> Diagnostic:
    return replace(
        diagnostic,
        summary=_cut(diagnostic.summary, longest),
        detail=_cut(diagnostic.detail, longest),
        address=_cut(diagnostic.address, longest),
        file=_cut(diagnostic.file, longest),
    )


def _briefly(finding: Finding, longest: int) -> Finding:
    return replace(
        finding,
        message=_cut(finding.message, longest),
        next_step=_cut(finding.next_step, longest),
        fix=_cut(finding.fix, longest),
        resource=_cut(finding.resource, longest),
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(_MARK)] + _MARK
