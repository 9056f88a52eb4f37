"""Causes of errors of Google and terraform, and the reaction to each.

A row matches by Google's HTTP code and Google's own `reason`, and by text where these are not
specific enough: `google_causes.py` and `terraform_causes.py`. An error without a row stays
`init_failed`, `plan_failed` or `apply_failed`.
"""

import re
from dataclasses import dataclass, replace

from deployments.cause_rows import Action, CauseRow, find_row
from deployments.findings import Finding, Severity, with_severity
from deployments.google_causes import GOOGLE_CAUSES
from deployments.google_errors import GoogleError, parse
from deployments.reasons import Reason
from deployments.step import Diagnostic, StepOutcome, StepResult
from deployments.terraform_causes import (
    LOCK_ERROR,
    LOCKED_STATE,
    NOT_VISIBLE,
    REFUSING_STORE,
    TERRAFORM_CAUSES,
    UNREACHABLE_STATE,
)

__all__ = [
    "Action",
    "Refusal",
    "causes_of",
    "classify",
    "fatal_finding",
    "match",
    "precedence",
    "refusals_of",
    "without_own_lock",
]


@dataclass(frozen=True)
class Refusal:
    """A finding with the reaction to it."""

    finding: Finding
    action: Action

    @property
    def reason(self) -> Reason:
        """The cause."""
        return self.finding.cause


# Errors of the state's backend, not of the stack's resources: of init, of the list of workspaces,
# of a read of the state, and of a lock that was not released (tried, terraform 1.11.4).
_STATE = re.compile(
    "^(Error (loading|refreshing) state: |Failed to get existing workspaces: "
    "|Error releasing the state lock$)",
    re.IGNORECASE,
)
# The store refuses the worker's account, or has no such bucket.
_REFUSED_BY_STORE = (401, 403, 404)

_OWN_LOCK = (
    "An answer of the store was lost. The lock was the lock of this deployment; it is removed."
)

# Terraform's own text for a resource that a read after the creation does not find.
_ABSENT = "Root object was present, but now absent"

# Consequences of an interrupt or of another error (measured), never a cause.
_CONSEQUENCES = frozenset({"execution halted", "operation canceled"})

# Of several errors the first decides. None is an error without a row: it decides against every
# cause that would lead to a retry.
_PRECEDENCE = (Action.FAIL, Action.USER_ACTION, None, Action.IMPORT, Action.WAIT, Action.RETRY)


def classify(diagnostic: Diagnostic) -> Refusal | None:
    """The cause of a diagnostic; None where no row matches.

    Only the summary is parsed: `detail` may contain output of a provisioner. Of two summaries of
    terraform the detail decides between causes.
    """
    summary = diagnostic.summary
    error = parse(summary)
    if _STATE.search(summary):
        return _refusal(_row_of_state(error, summary), error, diagnostic.address)
    if error.http:
        return _refusal(
            find_row(GOOGLE_CAUSES, error, diagnostic.address), error, diagnostic.address
        )
    row = find_row(TERRAFORM_CAUSES, GoogleError(message=summary), diagnostic.address)
    return _refusal(_confirmed(row, diagnostic.detail), error, diagnostic.address)


def _confirmed(row: CauseRow | None, detail: str) -> CauseRow | None:
    """The row of an error whose summary is the same for other causes: the detail decides."""
    # The summary is the same for an unreachable backend, but without this block (measured).
    if row is LOCKED_STATE and "Lock Info:" not in detail:
        return UNREACHABLE_STATE
    if row is NOT_VISIBLE and _ABSENT not in detail:
        return None
    return row


def _row_of_state(error: GoogleError, summary: str) -> CauseRow:
    """The cause of an error of the state's backend; init names a lock's holder in the summary."""
    if "Lock Info:" in summary:
        return LOCKED_STATE
    return REFUSING_STORE if error.http in _REFUSED_BY_STORE else UNREACHABLE_STATE


def without_own_lock(result: StepResult) -> StepResult:
    """The result of a step that failed because of a lock of this deployment, removed meanwhile.

    Terraform repeats the request for a lock whose answer was lost, and finds its own lock.
    """
    diagnostics = [
        replace(diagnostic, summary=LOCK_ERROR, detail=_OWN_LOCK)
        if (refusal := classify(diagnostic)) and refusal.reason is Reason.STATE_LOCKED
        else diagnostic
        for diagnostic in result.diagnostics
    ]
    return replace(result, diagnostics=diagnostics)


def match(error: GoogleError, resource: str = "") -> Refusal | None:
    """The cause of an error response of a Google API; None where no row matches."""
    return _refusal(find_row(GOOGLE_CAUSES, error, resource), error, resource)


def fatal_finding(error: GoogleError, resource: str = "") -> Finding | None:
    """The finding of an error response that ends the deployment; None where no row matches.

    Outside terraform no cause leads to another try.
    """
    known = match(error, resource)
    return with_severity(known.finding, Severity.BLOCKING) if known else None


def causes_of(result: StepResult) -> list[Diagnostic]:
    """The errors of a step, without consequences of an interrupt or of another error."""
    return [
        diagnostic
        for diagnostic in result.diagnostics
        if diagnostic.severity == "error" and diagnostic.summary not in _CONSEQUENCES
    ]


def precedence(diagnostic: Diagnostic) -> int:
    """The place of a diagnostic in a report that cannot hold all: the deciding error has 0.

    The consequences of other errors come last.
    """
    if diagnostic.summary in _CONSEQUENCES:
        return len(_PRECEDENCE)
    return _place(classify(diagnostic))


def refusals_of(result: StepResult) -> list[Refusal]:
    """The causes of a failed step, the deciding cause first; empty for a stopped step.

    An error without a row excludes every cause that would lead to a retry: a retry would hide it.
    """
    if result.outcome is not StepOutcome.FAILED:
        return []
    errors = causes_of(result)
    refusals = sorted(filter(None, map(classify, errors)), key=_place)
    if len(refusals) < len(errors):
        return [refusal for refusal in refusals if _place(refusal) < _place(None)]
    return list(dict.fromkeys(refusals))


def _place(refusal: Refusal | None) -> int:
    return _PRECEDENCE.index(refusal.action if refusal else None)


def _refusal(row: CauseRow | None, error: GoogleError, resource: str) -> Refusal | None:
    return None if row is None else Refusal(row.finding(error, resource), row.action)
