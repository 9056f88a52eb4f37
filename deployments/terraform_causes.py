"""Causes of errors of terraform and of its provider, which have no HTTP code."""

from deployments.cause_rows import Action, CauseRow
from deployments.explanations import Actor
from deployments.reasons import Reason

__all__ = [
    "LOCKED_STATE",
    "LOCK_ERROR",
    "NOT_VISIBLE",
    "REFUSING_STORE",
    "TERRAFORM_CAUSES",
    "UNREACHABLE_STATE",
]

# Errors of terraform 1.11.4 and provider 7.45.0.
_RECORDED = "recorded: tests/support/refusals.py"
_REAUTHENTICATION = "https://support.google.com/a/answer/9368756"

_MIRROR = (
    "^(Failed to query available provider packages|Failed to install provider"
    "|Required plugins are not installed|Inconsistent dependency lock file"
    "|Provider dependency changes detected|Failed to read plan from plan file)$"
)
_NETWORK = (
    r"\b(dial tcp|no such host|connection refused|connection reset by peer|i/o timeout"
    r"|TLS handshake timeout|network is unreachable|Client\.Timeout exceeded)\b"
)
LOCK_ERROR = "Error acquiring the state lock"

# Google has created the resource, and a read after the creation does not find it yet.
NOT_VISIBLE = CauseRow(
    Reason.RESOURCE_NOT_VISIBLE,
    Action.WAIT,
    "hashicorp/terraform-provider-google#22533; hashicorp/terraform-provider-google#14228",
    pattern="^Provider produced inconsistent result after apply$",
)
LOCKED_STATE = CauseRow(Reason.STATE_LOCKED, Action.FAIL, _RECORDED, pattern=f"^{LOCK_ERROR}$")
UNREACHABLE_STATE = CauseRow(Reason.STATE_UNREACHABLE, Action.RETRY, _RECORDED)
REFUSING_STORE = CauseRow(
    Reason.STATE_UNREACHABLE,
    Action.FAIL,
    _RECORDED,
    message="The store of the stack's state refuses the host.",
)

TERRAFORM_CAUSES: tuple[CauseRow, ...] = (
    LOCKED_STATE,
    CauseRow(Reason.PLAN_STALE, Action.RETRY, _RECORDED, pattern="^Saved plan is stale$"),
    CauseRow(
        Reason.STATE_REPLACED,
        Action.FAIL,
        _RECORDED,
        pattern="^Saved plan does not match the given state$",
    ),
    CauseRow(
        Reason.STATE_NOT_SAVED,
        Action.FAIL,
        _RECORDED,
        pattern="^Failed to (save state|persist state to backend)$",
    ),
    CauseRow(Reason.PROVIDERS_MISSING, Action.FAIL, _RECORDED, pattern=_MIRROR),
    CauseRow(
        Reason.IMPORT_TARGET_MISSING,
        Action.IMPORT,
        _RECORDED,
        pattern="^Cannot import non-existent remote object$",
    ),
    NOT_VISIBLE,
    CauseRow(
        Reason.ALREADY_EXISTS,
        Action.IMPORT,
        _RECORDED,
        pattern="Resource already exists - apply blocked by lifecycle params",
    ),
    CauseRow(
        Reason.SIGN_IN_BLOCKED,
        Action.USER_ACTION,
        "https://developers.google.com/identity/protocols/oauth2/web-server",
        pattern=r"\b(admin_policy_enforced|org_internal)\b",
    ),
    CauseRow(
        Reason.SIGN_IN_EXPIRED,
        Action.USER_ACTION,
        f"pulumi/pulumi-gcp#479; googleapis/google-auth-library-nodejs#1961; {_REAUTHENTICATION}",
        pattern=r"\b(invalid_rapt|rapt_required)\b",
        message="The sign-in has reached the session length that the organisation's Google "
        "Workspace allows.",
    ),
    CauseRow(
        Reason.SIGN_IN_EXPIRED,
        Action.USER_ACTION,
        "https://developers.google.com/identity/protocols/oauth2",
        pattern=r"\binvalid_grant\b",
    ),
    CauseRow(
        Reason.KEEPS_FAILING,
        Action.RETRY,
        _RECORDED,
        pattern=r"(\btimed out after \d+[hms]|timeout while waiting for state to become)",
        message="Google refused the resource until the provider's time limit.",
    ),
    CauseRow(
        Reason.GOOGLE_UNREACHABLE,
        Action.RETRY,
        _RECORDED,
        pattern=_NETWORK,
        by=Actor.SERVICE,
    ),
)
