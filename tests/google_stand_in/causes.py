"""The cause that each case of the corpus provokes."""

from deployments.cause_rows import Action
from deployments.reasons import Reason

API_DISABLED = (Reason.API_DISABLED, Action.WAIT)
BILLING = (Reason.BILLING_DISABLED, Action.USER_ACTION)
BILLING_UNSEEN = (Reason.BILLING_DISABLED, Action.WAIT)
DENIED = (Reason.PERMISSION_DENIED, Action.USER_ACTION)
EXISTS = (Reason.ALREADY_EXISTS, Action.IMPORT)
EXPIRED = (Reason.SIGN_IN_EXPIRED, Action.USER_ACTION)
MISSED = (Reason.IMPORT_TARGET_MISSING, Action.IMPORT)
POLICY = (Reason.POLICY_FORBIDS, Action.USER_ACTION)
UNREACHABLE = (Reason.GOOGLE_UNREACHABLE, Action.RETRY)
PROVOKED: dict[str, tuple[Reason, Action] | None] = {
    "act-as": DENIED,
    "api-disabled-account": API_DISABLED,
    "api-disabled-bucket": API_DISABLED,
    "api-disabled-secret": API_DISABLED,
    "billing-bucket": BILLING_UNSEEN,
    "billing-enable": BILLING,
    "billing-enable-two": BILLING,
    "billing-secret": BILLING_UNSEEN,
    "bucket-taken": (Reason.NAME_TAKEN, Action.USER_ACTION),
    "bucket-yours": EXISTS,
    "build-failed": (Reason.BUILD_FAILED, Action.FAIL),
    "config-missing": None,
    "deleted-key": EXISTS,
    "deleted-pool": EXISTS,
    "denied-account": DENIED,
    "denied-bucket": DENIED,
    "denied-enable": DENIED,
    "exists-account": EXISTS,
    "exists-api": EXISTS,
    "exists-config": EXISTS,
    "exists-database": EXISTS,
    "exists-function": EXISTS,
    "exists-key": EXISTS,
    "exists-pool": EXISTS,
    "exists-release": EXISTS,
    "exists-secret": EXISTS,
    "import-api-disabled": API_DISABLED,
    "import-deleted-pool": MISSED,
    "import-missing": MISSED,
    "interrupted-twice": None,
    "member-missing": (Reason.IDENTITY_PROPAGATING, Action.RETRY),
    "org-policy-account": POLICY,
    "org-policy-bucket": POLICY,
    "project-unknown": (Reason.PROJECT_NOT_FOUND, Action.USER_ACTION),
    "refused": UNREACHABLE,
    "token-account": EXPIRED,
    "token-bucket": EXPIRED,
    "unknown-host": UNREACHABLE,
    # Those that the provider repeats for minutes before it says anything (`record --slow`).
    "quota-account": (Reason.RATE_LIMITED, Action.RETRY),
    "quota-bucket": (Reason.RATE_LIMITED, Action.RETRY),
    "quota-enable": (Reason.KEEPS_FAILING, Action.RETRY),
    "quota-secret": (Reason.RATE_LIMITED, Action.RETRY),
    "timeout-secret": (Reason.KEEPS_FAILING, Action.RETRY),
    "unavailable-account": (Reason.GOOGLE_UNAVAILABLE, Action.RETRY),
    "unavailable-bucket": (Reason.GOOGLE_UNAVAILABLE, Action.RETRY),
    "read-unavailable": (Reason.GOOGLE_UNAVAILABLE, Action.RETRY),
    "unavailable-secret": (Reason.GOOGLE_UNAVAILABLE, Action.RETRY),
}
