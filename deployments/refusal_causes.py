"""Why terraform was refused, and what follows: one table.

A row is found by Google's HTTP code and Google's own `reason`; words are looked at last, where
neither tells. What no row knows stays `init_failed`, `plan_failed` or `apply_failed`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from deployments.findings import Finding
from deployments.google_errors import GoogleError, parse
from deployments.reasons import Reason, audience_of, explain
from deployments.step import Diagnostic, StepOutcome, StepResult

__all__ = ["Action", "Refusal", "classify", "match", "refusals_of"]


class Action(StrEnum):
    """What the deployment does about a refusal; of several refusals the first of these decides."""

    GIVE_UP = "give_up"
    ASK = "ask"
    ADOPT = "adopt"
    WAIT = "wait"
    RETRY = "retry"


@dataclass(frozen=True)
class Refusal:
    """A cause with what to do about it."""

    finding: Finding
    action: Action

    @property
    def reason(self) -> Reason:
        """Its name."""
        return self.finding.cause


@dataclass(frozen=True)
class _Row:
    """All that is given must hold; `reasons` holds when Google gave one of them.

    `sentence` and `mend` may use what Google named; where it did not, the reason's own sentence
    is used, and no `mend`.
    """

    reason: Reason
    action: Action
    codes: frozenset[int] = frozenset()
    reasons: frozenset[str] = frozenset()
    words: str = ""
    message: str = ""
    fix: str = ""


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(codes)


def _says(*reasons: str) -> frozenset[str]:
    return frozenset(reasons)


_PERMISSION = "The permission {permission} is missing."
_GRANT = "https://console.cloud.google.com/iam-admin/iam"
_POLICY = "A policy of the organisation forbids it: {constraint}."
_MIRROR = (
    "^(Failed to query available provider packages|Failed to install provider"
    "|Required plugins are not installed|Inconsistent dependency lock file"
    "|Provider dependency changes detected|Failed to read plan from plan file)$"
)
_NETWORK = (
    r"\b(dial tcp|no such host|connection refused|connection reset by peer|i/o timeout"
    r"|TLS handshake timeout|network is unreachable|Client\.Timeout exceeded)\b"
)

# The order counts: the first row that fits is the cause.
_GOOGLE: tuple[_Row, ...] = (
    _Row(Reason.SIGN_IN_EXPIRED, Action.ASK, _codes(401)),
    _Row(
        Reason.BILLING_DISABLED,
        Action.ASK,
        reasons=_says(
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
        _codes(403),
        _says("SERVICE_DISABLED", "accessNotConfigured"),
        message="{service} is switched off, or was switched on just now.",
        fix="gcloud services enable {service}",
    ),
    _Row(
        Reason.POLICY_FORBIDS,
        Action.ASK,
        _codes(400, 403, 412),
        words="constraints/",
        message=_POLICY,
        fix="https://console.cloud.google.com/iam-admin/orgpolicies",
    ),
    _Row(
        Reason.QUOTA_EXCEEDED,
        Action.ASK,
        _codes(403, 429),
        _says("quotaExceeded", "QUOTA_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED", "dailyLimitExceeded"),
        message="A quota of the project is used up: {quota_metric}.",
        fix="https://console.cloud.google.com/iam-admin/quotas",
    ),
    _Row(
        Reason.RATE_LIMITED,
        Action.RETRY,
        _codes(403),
        _says("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"),
    ),
    _Row(Reason.RATE_LIMITED, Action.RETRY, _codes(429)),
    _Row(Reason.PROJECT_NOT_FOUND, Action.ASK, _codes(403), _says("CONSUMER_INVALID")),
    _Row(
        Reason.PERMISSION_DENIED,
        Action.ASK,
        _codes(403),
        _says("AUTH_PERMISSION_DENIED"),
        message="{service} may not be switched on: the permission "
        "serviceusage.services.enable is missing.",
        fix=_GRANT,
    ),
    _Row(Reason.PERMISSION_DENIED, Action.ASK, _codes(403), message=_PERMISSION, fix=_GRANT),
    _Row(
        Reason.NAME_TAKEN,
        Action.ASK,
        _codes(409),
        # Both are `conflict`: whether it is ours only the words tell.
        words="bucket name is not available",
        message="The bucket's name belongs to somebody else: names are unique in all of Google.",
    ),
    _Row(Reason.ALREADY_EXISTS, Action.ADOPT, _codes(409), words="already (exists?|own)"),
    _Row(Reason.ALREADY_EXISTS, Action.ADOPT, _codes(400), words="has already been enabled"),
    _Row(Reason.CONCURRENT_CHANGE, Action.RETRY, _codes(409)),
    _Row(
        Reason.IDENTITY_PROPAGATING,
        Action.RETRY,
        _codes(400),
        words=r"\b(service account|user) \S+ does not exist",
        message="Google does not know {account} yet.",
    ),
    _Row(Reason.BUILD_FAILED, Action.GIVE_UP, words="Build failed with status"),
    _Row(Reason.GOOGLE_UNAVAILABLE, Action.RETRY, _codes(500, 502, 503, 504)),
)
# Without a code: the provider's and terraform's own words.
_WORDS: tuple[_Row, ...] = (
    _Row(Reason.STATE_LOCKED, Action.GIVE_UP, words=r"^Error acquiring the state lock$"),
    _Row(Reason.PLAN_STALE, Action.RETRY, words="^Saved plan is stale$"),
    _Row(
        Reason.STATE_REPLACED,
        Action.GIVE_UP,
        words="^Saved plan does not match the given state$",
    ),
    _Row(
        Reason.STATE_NOT_SAVED,
        Action.GIVE_UP,
        words="^Failed to (save state|persist state to backend)$",
    ),
    _Row(Reason.PROVIDERS_MISSING, Action.GIVE_UP, words=_MIRROR),
    _Row(
        Reason.IMPORT_TARGET_MISSING,
        Action.ADOPT,
        words="^Cannot import non-existent remote object$",
    ),
    _Row(
        Reason.ALREADY_EXISTS,
        Action.ADOPT,
        words="Resource already exists - apply blocked by lifecycle params",
    ),
    _Row(
        Reason.KEEPS_FAILING,
        Action.RETRY,
        words=r"(\btimed out after \d+[hms]|timeout while waiting for state to become)",
        message="Google kept refusing until the provider gave up.",
    ),
    _Row(Reason.GOOGLE_UNREACHABLE, Action.RETRY, words=_NETWORK),
)
_UNREACHABLE_STATE = _Row(Reason.STATE_UNREACHABLE, Action.RETRY)

# What an interrupt or another error leaves behind (measured): no cause of its own.
_ECHOES = frozenset({"execution halted", "operation canceled"})


def classify(diagnostic: Diagnostic) -> Refusal | None:
    """The cause of one diagnostic; None where no row knows it.

    What a provisioner printed stands in `detail`, so Google is believed in the summary only.
    """
    summary = diagnostic.summary
    error = parse(summary)
    row = _find(_GOOGLE, error) if error.http else _find(_WORDS, GoogleError(words=summary))
    if row is None:
        return None
    # A backend that does not answer has no such block (measured).
    if row.reason is Reason.STATE_LOCKED and "Lock Info:" not in diagnostic.detail:
        row = _UNREACHABLE_STATE
    return _refusal(row, error, diagnostic.address)


def match(error: GoogleError, resource: str = "") -> Refusal | None:
    """The cause of an answer that Google gave us directly."""
    row = _find(_GOOGLE, error)
    return None if row is None else _refusal(row, error, resource)


def refusals_of(result: StepResult) -> list[Refusal]:
    """Why a step failed, the deciding cause first.

    Empty where it was stopped, or where one of its errors is not known: then nothing but that
    error decides, and trying again would only hide it. A cause that gives up or asks stays.
    """
    if result.outcome is not StepOutcome.FAILED:
        return []
    errors = [
        diagnostic
        for diagnostic in result.diagnostics
        if diagnostic.severity == "error" and diagnostic.summary not in _ECHOES
    ]
    found = [(error, classify(error)) for error in errors]
    order = list(Action)
    known = sorted((one for _, one in found if one), key=lambda one: order.index(one.action))
    if len(known) < len(errors):
        return [item for item in known if item.action in (Action.GIVE_UP, Action.ASK)]
    return list(dict.fromkeys(known))


def _find(rows: Sequence[_Row], error: GoogleError) -> _Row | None:
    return next((row for row in rows if _fits(row, error)), None)


def _fits(row: _Row, error: GoogleError) -> bool:
    if row.codes and error.http not in row.codes:
        return False
    if row.reasons and not row.reasons & error.reasons:
        return False
    if not row.words:
        return True
    heard = "\n".join((error.words, *sorted(error.reasons)))
    return re.search(row.words, heard, re.IGNORECASE) is not None


def _refusal(row: _Row, error: GoogleError, resource: str) -> Refusal:
    explanation = explain(row.reason)
    return Refusal(
        Finding(
            cause=row.reason,
            message=_filled(row.message, error) or explanation.message,
            next_step=explanation.next_step,
            fix=_filled(row.fix, error),
            audience=audience_of(row.reason),
            resource=resource,
        ),
        row.action,
    )


def _filled(text: str, error: GoogleError) -> str:
    try:
        return text.format_map(error.values)
    except KeyError:
        return ""
