"""The changes that a deployment planned and made, added up over its tries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deployments.phase import Phase
from deployments.step import Counts, SilentChange, StepOutcome, StepResult

__all__ = ["MadeChanges", "made_changes", "planned_changes"]

_FIELDS = {"import": "imported", "move": "moved", "remove": "forgotten"}


@dataclass(frozen=True)
class MadeChanges:
    """The changes that applies made; `silent` are the addresses of changes of the state alone."""

    counts: Counts
    changed: list[str]
    silent: list[str]


@dataclass(frozen=True)
class _Try:
    """An apply with its plan and with the plan of the next try."""

    plan: StepResult
    apply: StepResult
    next_plan: StepResult | None


def made_changes(steps: Sequence[StepResult], silent: Sequence[SilentChange]) -> MadeChanges:
    """The changes of all applies; `silent` are those that an incomplete last apply made."""
    tries = _tries(steps)
    silent_by_try = [_silent(tried, silent) for tried in tries]
    counts = map(_counts, tries, silent_by_try)
    addresses = [change.address for changes in silent_by_try for change in changes]
    changed = [address for tried in tries for address in tried.apply.changed]
    return MadeChanges(
        counts=sum(counts, start=Counts()),
        changed=list(dict.fromkeys([*changed, *addresses])),
        silent=addresses,
    )


def planned_changes(steps: Sequence[StepResult]) -> Counts:
    """The changes of the last plan, and those that were made before that plan."""
    plans = [number for number, step in enumerate(steps) if _is_plan(step)]
    if not plans:
        return Counts()
    tries = _tries(steps)
    since = sum(step.phase is Phase.APPLY for step in steps[plans[-1] :])
    earlier = tries[: len(tries) - since]
    made = (_counts(tried, _silent(tried, ())) for tried in earlier)
    return sum(made, start=steps[plans[-1]].counts)


def _is_plan(step: StepResult) -> bool:
    """Whether the step made a plan; an interrupted plan prints counts of a part."""
    return step.phase is Phase.PLAN and step.outcome is StepOutcome.DONE


def _tries(steps: Sequence[StepResult]) -> list[_Try]:
    tries: list[_Try] = []
    plan = StepResult(steps[0].key, Phase.PLAN, StepOutcome.DONE) if steps else None
    for step in steps:
        if _is_plan(step):
            plan = step
        elif step.phase is Phase.APPLY and plan is not None:
            if tries:
                tries[-1] = replace(tries[-1], next_plan=plan)
            tries.append(_Try(plan, step, None))
    return tries


def _silent(tried: _Try, last: Sequence[SilentChange]) -> Sequence[SilentChange]:
    """The changes of the state alone that an apply made.

    An apply that was refused half-way made those that the next try did not plan again.
    """
    if tried.apply.applied:
        return tried.plan.silent
    if tried.next_plan is None:
        return last
    return [change for change in tried.plan.silent if change not in tried.next_plan.silent]


def _counts(tried: _Try, silent: Sequence[SilentChange]) -> Counts:
    counts, planned = tried.apply.counts, tried.plan.counts
    if tried.apply.applied:
        # The messages of an apply name no moves and no changed outputs.
        return replace(
            counts,
            moved=planned.moved,
            forgotten=max(counts.forgotten, planned.forgotten),
            outputs=planned.outputs,
        )
    return counts + Counts(**Counter(_FIELDS[change.action] for change in silent))
