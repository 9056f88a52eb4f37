"""The cause, the reaction and a part of the sentence of each text in `refusals`."""

from deployments.cause_rows import Action
from deployments.reasons import Reason
from tests.support import refusals

__all__ = ["SEEN"]

SEEN = [
    (refusals.DISABLED_ACCOUNT, Reason.API_DISABLED, Action.WAIT, "iam.googleapis.com"),
    (refusals.DISABLED_SECRET, Reason.API_DISABLED, Action.WAIT, "secretmanager.googleapis.com"),
    (refusals.DISABLED_BUCKET, Reason.API_DISABLED, Action.WAIT, ""),
    (
        refusals.PERMISSION_ACCOUNT,
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        "iam.serviceAccounts.create",
    ),
    (
        refusals.PERMISSION_BUCKET,
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        "storage.buckets.create",
    ),
    (
        refusals.PERMISSION_ACT_AS,
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        "iam.serviceaccounts.actAs",
    ),
    (
        refusals.PERMISSION_ENABLE,
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        "secretmanager.googleapis.com may not be enabled",
    ),
    (refusals.EXISTS_ACCOUNT, Reason.ALREADY_EXISTS, Action.IMPORT, ""),
    (refusals.EXISTS_POOL, Reason.ALREADY_EXISTS, Action.IMPORT, ""),
    (refusals.EXISTS_BUCKET, Reason.ALREADY_EXISTS, Action.IMPORT, ""),
    (refusals.EXISTS_RELEASE, Reason.ALREADY_EXISTS, Action.IMPORT, ""),
    (refusals.NOT_THERE, Reason.IMPORT_TARGET_MISSING, Action.IMPORT, ""),
    (refusals.TAKEN_BUCKET, Reason.NAME_TAKEN, Action.USER_ACTION, "Another project uses"),
    (refusals.BILLING_BUCKET, Reason.BILLING_DISABLED, Action.WAIT, "only minutes old"),
    (refusals.BILLING_ENABLE, Reason.BILLING_DISABLED, Action.USER_ACTION, ""),
    (refusals.BILLING_SECRET, Reason.BILLING_DISABLED, Action.WAIT, "only minutes old"),
    (
        refusals.POLICY_ACCOUNT,
        Reason.POLICY_FORBIDS,
        Action.USER_ACTION,
        "constraints/iam.disableServiceAccountCreation",
    ),
    (
        refusals.POLICY_BUCKET,
        Reason.POLICY_FORBIDS,
        Action.USER_ACTION,
        "constraints/gcp.resourceLocations",
    ),
    (refusals.EXPIRED_SECRET, Reason.SIGN_IN_EXPIRED, Action.USER_ACTION, ""),
    (refusals.EXPIRED_BUCKET, Reason.SIGN_IN_EXPIRED, Action.USER_ACTION, ""),
    (
        refusals.MEMBER_UNKNOWN,
        Reason.IDENTITY_PROPAGATING,
        Action.RETRY,
        "a@demo-proj.iam.gserviceaccount.com",
    ),
    (refusals.BUILD_FAILED, Reason.BUILD_FAILED, Action.FAIL, ""),
    (refusals.RATE_ACCOUNT, Reason.RATE_LIMITED, Action.RETRY, ""),
    (refusals.RATE_BUCKET, Reason.RATE_LIMITED, Action.RETRY, ""),
    (refusals.QUOTA_BUILD, Reason.QUOTA_EXCEEDED, Action.USER_ACTION, ""),
    (refusals.DOWN_ACCOUNT, Reason.GOOGLE_UNAVAILABLE, Action.RETRY, ""),
    (refusals.DOWN_BUCKET, Reason.GOOGLE_UNAVAILABLE, Action.RETRY, ""),
    (refusals.DOWN_READ, Reason.GOOGLE_UNAVAILABLE, Action.RETRY, ""),
    (
        refusals.GAVE_UP_ENABLE,
        Reason.KEEPS_FAILING,
        Action.RETRY,
        "until the provider's time limit",
    ),
    (
        refusals.GAVE_UP_CREATE,
        Reason.KEEPS_FAILING,
        Action.RETRY,
        "until the provider's time limit",
    ),
    (refusals.NO_NAME, Reason.GOOGLE_UNREACHABLE, Action.RETRY, ""),
    (refusals.REFUSED, Reason.GOOGLE_UNREACHABLE, Action.RETRY, ""),
    (refusals.CONCURRENT, Reason.CONCURRENT_CHANGE, Action.RETRY, ""),
    (refusals.STALE, Reason.PLAN_STALE, Action.RETRY, ""),
    (refusals.OTHER_LINEAGE, Reason.STATE_REPLACED, Action.FAIL, ""),
    *((text, Reason.STATE_NOT_SAVED, Action.FAIL, "") for text in refusals.NOT_SAVED),
    *(
        (text, Reason.STATE_UNREACHABLE, Action.RETRY, "does not answer")
        for text in refusals.NO_ANSWER_OF_THE_STATE
    ),
    *(
        (text, Reason.STATE_UNREACHABLE, Action.FAIL, "refuses the host")
        for text in refusals.REFUSED_STATE
    ),
    (refusals.LOCKED_AT_INIT, Reason.STATE_LOCKED, Action.FAIL, ""),
    *((text, Reason.PROVIDERS_MISSING, Action.FAIL, "") for text in refusals.NO_PROVIDER),
]
