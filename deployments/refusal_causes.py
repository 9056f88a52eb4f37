"""Causes of errors of Google and terraform, and the reaction to each: a table.

A row matches by Google's HTTP code and Google's own `reason`, and by text where these are not
specific enough. An error without a row stays `init_failed`, `plan_failed` or `apply_failed`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from deployments.findings import Finding, finding
from deployments.google_errors import GoogleError, parse
from deployments.reasons import Reason
from deployments.step import Diagnostic, StepOutcome, StepResult

__all__ = [
    "Action",
    "Refusal",
    "causes_of",
    "classify",
    "match",
    "precedence",
    "refusals_of",
    "without_own_lock",
]


class Action(StrEnum):
    """The reaction to a refusal."""

    FAIL = "fail"
    USER_ACTION = "user_action"
    IMPORT = "import"
    WAIT = "wait"
    RETRY = "retry"


@dataclass(frozen=True)
class Refusal:
    """A finding with the reaction to it."""

    finding: Finding
    action: Action

    @property
    def reason(self) -> Reason:
        """The cause."""
        return self.finding.cause


@dataclass(frozen=True)
class _Row:
    """A cause and the conditions of a match; an empty condition always holds.

    `codes` are HTTP codes, `reasons` Google's reasons, of which a single match is enough, `pattern`
    a regular expression over message and reasons. `message` and `fix` may contain Google's values
    in braces; without such a value the reason's own message is used, and no fix.
    """

    reason: Reason
    action: Action
    codes: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    pattern: str = ""
    message: str = ""
    fix: str = ""


_PERMISSION = "The permission {permission} is missing."
_GRANT = "https://console.cloud.google.com/iam-admin/iam"
_MIRROR = (
    "^(Failed to query available provider packages|Failed to install provider"
    "|Required plugins are not installed|Inconsistent dependency lock file"
    "|Provider dependency changes detected|Failed to read plan from plan file)$"
)
_NETWORK = (
    r"\b(dial tcp|no such host|connection refused|connection reset by peer|i/o timeout"
    r"|TLS handshake timeout|network is unreachable|Client\.Timeout exceeded)\b"
)

# Errors of the state's backend, not of the stack's resources: of init, of the list of workspaces,
# of a read of the state, and of a lock that was not released (tried, terraform 1.11.4).
_STATE = re.compile(
    "^(Error (loading|refreshing) state: |Failed to get existing workspaces: "
    "|Error releasing the state lock$)",
    re.IGNORECASE,
)
# The store refuses the worker's account, or has no such bucket.
_REFUSED_BY_STORE = (401, 403, 404)

_LOCK_ERROR = "Error acquiring the state lock"
_OWN_LOCK = (
    "An answer of the store was lost. The lock was the lock of this deployment; it is removed."
)

# The first row that matches is the cause.
_GOOGLE: tuple[_Row, ...] = (
    _Row(Reason.SIGN_IN_EXPIRED, Action.USER_ACTION, (401,)),
    _Row(
        Reason.BILLING_DISABLED,
        Action.USER_ACTION,
        reasons=(
            "BILLING_DISABLED",
            "UREQ_PROJECT_BILLING_NOT_FOUND",
            "UREQ_PROJECT_BILLING_NOT_OPEN",
            "googleapis.com/billing-enabled",
            "accountDisabled",
        ),
        fix="https://console.cloud.google.com/billing/linkedaccount",
    ),
    _Row(
        Reason.API_DISABLED,
        Action.WAIT,
        (403,),
        ("SERVICE_DISABLED", "accessNotConfigured"),
        message="{service} is switched off, or was switched on just now.",
        fix="gcloud services enable {service}",
    ),
    _Row(
        Reason.POLICY_FORBIDS,
        Action.USER_ACTION,
        (400, 403, 412),
        pattern="constraints/",
        message="A policy of the organisation forbids the resource: {constraint}.",
        fix="https://console.cloud.google.com/iam-admin/orgpolicies",
    ),
    _Row(
        Reason.QUOTA_EXCEEDED,
        Action.USER_ACTION,
        (403, 429),
        ("quotaExceeded", "QUOTA_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED", "dailyLimitExceeded"),
        message="A quota of the project is used up: {quota_metric}.",
        fix="https://console.cloud.google.com/iam-admin/quotas",
    ),
    _Row(
        Reason.RATE_LIMITED,
        Action.RETRY,
        (403,),
        ("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"),
    ),
    _Row(Reason.RATE_LIMITED, Action.RETRY, (429,)),
    _Row(Reason.PROJECT_NOT_FOUND, Action.USER_ACTION, (403,), ("CONSUMER_INVALID",)),
    _Row(
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        (403,),
        ("AUTH_PERMISSION_DENIED",),
        message="{service} may not be switched on: the permission "
        "serviceusage.services.enable is missing.",
        fix=_GRANT,
    ),
    _Row(Reason.PERMISSION_DENIED, Action.USER_ACTION, (403,), message=_PERMISSION, fix=_GRANT),
    _Row(
        Reason.NAME_TAKEN,
        Action.USER_ACTION,
        (409,),
        # Google's reason is `conflict` for own and foreign buckets: only the text differs.
        pattern="bucket name is not available",
        message="Another project uses the bucket's name: names are unique in all of Google Cloud.",
    ),
    _Row(Reason.ALREADY_EXISTS, Action.IMPORT, (409,), pattern="already (exists?|own)"),
    _Row(Reason.ALREADY_EXISTS, Action.IMPORT, (400,), pattern="has already been enabled"),
    _Row(Reason.CONCURRENT_CHANGE, Action.RETRY, (409,)),
    _Row(
        Reason.IDENTITY_PROPAGATING,
        Action.RETRY,
        (400,),
        pattern=r"\b(service account|user) \S+ does not exist",
        message="{account} is not yet known everywhere at Google.",
    ),
    _Row(Reason.BUILD_FAILED, Action.FAIL, pattern="Build failed with status"),
    _Row(Reason.GOOGLE_UNAVAILABLE, Action.RETRY, (500, 502, 503, 504)),
)
# Errors of the provider and of terraform, without a code.
_OTHERS: tuple[_Row, ...] = (
    _Row(Reason.STATE_LOCKED, Action.FAIL, pattern=f"^{_LOCK_ERROR}$"),
    _Row(Reason.PLAN_STALE, Action.RETRY, pattern="^Saved plan is stale$"),
    _Row(Reason.STATE_REPLACED, Action.FAIL, pattern="^Saved plan does not match the given state$"),
    _Row(
        Reason.STATE_NOT_SAVED,
        Action.FAIL,
        pattern="^Failed to (save state|persist state to backend)$",
    ),
    _Row(Reason.PROVIDERS_MISSING, Action.FAIL, pattern=_MIRROR),
    _Row(
        Reason.IMPORT_TARGET_MISSING,
        Action.IMPORT,
        pattern="^Cannot import non-existent remote object$",
    ),
    _Row(
        Reason.ALREADY_EXISTS,
        Action.IMPORT,
        pattern="Resource already exists - apply blocked by lifecycle params",
    ),
    _Row(
        Reason.KEEPS_FAILING,
        Action.RETRY,
        pattern=r"(\btimed out after \d+[hms]|timeout while waiting for state to become)",
        message="Google refused the resource until the provider's time limit.",
    ),
    _Row(Reason.GOOGLE_UNREACHABLE, Action.RETRY, pattern=_NETWORK),
)
_LOCKED_STATE = _Row(Reason.STATE_LOCKED, Action.FAIL)
_UNREACHABLE_STATE = _Row(Reason.STATE_UNREACHABLE, Action.RETRY)
_REFUSING_STORE = _Row(
    Reason.STATE_UNREACHABLE,
    Action.FAIL,
    message="The store of the stack's state refuses the host.",
)

# Consequences of an interrupt or of another error (measured), never a cause.
_CONSEQUENCES = frozenset({"execution halted", "operation canceled"})

# Of several errors the first decides. None is an error without a row: it decides against every
# cause that would lead to a retry.
_PRECEDENCE = (Action.FAIL, Action.USER_ACTION, None, Action.IMPORT, Action.WAIT, Action.RETRY)


def classify(diagnostic: Diagnostic) -> Refusal | None:
    """The cause of a diagnostic; None where no row matches.

    Only the summary is parsed: `detail` may contain output of a provisioner.
    """
    summary = diagnostic.summary
    error = parse(summary)
    if _STATE.search(summary):
        return _refusal(_row_of_state(error, summary), error, diagnostic.address)
    row = _find(_GOOGLE, error) if error.http else _find(_OTHERS, GoogleError(message=summary))
    if row is None:
        return None
    # terraform's summary is the same for an unreachable backend, but without this block (measured).
    if row.reason is Reason.STATE_LOCKED and "Lock Info:" not in diagnostic.detail:
        row = _UNREACHABLE_STATE
    return _refusal(row, error, diagnostic.address)


def _row_of_state(error: GoogleError, summary: str) -> _Row:
    """The cause of an error of the state's backend; init names a lock's holder in the summary."""
    if "Lock Info:" in summary:
        return _LOCKED_STATE
    return _REFUSING_STORE if error.http in _REFUSED_BY_STORE else _UNREACHABLE_STATE


def without_own_lock(result: StepResult) -> StepResult:
    """The result of a step that failed because of a lock of this deployment, removed meanwhile.

    Terraform repeats the request for a lock whose answer was lost, and finds its own lock.
    """
    diagnostics = [
        replace(diagnostic, summary=_LOCK_ERROR, detail=_OWN_LOCK)
        if (refusal := classify(diagnostic)) and refusal.reason is Reason.STATE_LOCKED
        else diagnostic
        for diagnostic in result.diagnostics
    ]
    return replace(result, diagnostics=diagnostics)


def match(error: GoogleError, resource: str = "") -> Refusal | None:
    """The cause of an error response of a Google API; None where no row matches."""
    row = _find(_GOOGLE, error)
    return None if row is None else _refusal(row, error, resource)


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


def _find(rows: Sequence[_Row], error: GoogleError) -> _Row | None:
    return next((row for row in rows if _matches(row, error)), None)


def _matches(row: _Row, error: GoogleError) -> bool:
    if row.codes and error.http not in row.codes:
        return False
    if row.reasons and error.reasons.isdisjoint(row.reasons):
        return False
    text = "\n".join((error.message, *sorted(error.reasons)))
    return re.search(row.pattern, text, re.IGNORECASE) is not None


def _refusal(row: _Row, error: GoogleError, resource: str) -> Refusal:
    message, fix = _filled(row.message, error), _filled(row.fix, error)
    return Refusal(finding(row.reason, message, fix=fix, resource=resource), row.action)


def _filled(text: str, error: GoogleError) -> str:
    try:
        return text.format_map(error.values)
    except KeyError:
        return ""
