"""What the real provider said to each provoked failure finds the cause that was provoked."""

from pathlib import Path

import pytest

from adapters.terraform.output.messages import as_diagnostic, decode
from deployments.reasons import Reason
from deployments.refusal_causes import Action, classify
from deployments.step import Diagnostic

CORPUS = Path(__file__).parent / "corpus"

API_DISABLED = (Reason.API_DISABLED, Action.WAIT)
BILLING = (Reason.BILLING_DISABLED, Action.USER_ACTION)
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
    "billing-bucket": BILLING,
    "billing-enable": BILLING,
    "billing-enable-two": BILLING,
    "billing-secret": BILLING,
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
CASES = sorted(path.stem for path in CORPUS.glob("*.jsonl"))


def errors(case: str) -> list[Diagnostic]:
    messages = [decode(line) for line in (CORPUS / f"{case}.jsonl").read_bytes().splitlines()]
    said = [
        as_diagnostic(message.diagnostic) for message in messages if message and message.diagnostic
    ]
    return [item for item in said if item.severity == "error"]


def test_there_is_a_corpus() -> None:
    assert len(CASES) >= 38


@pytest.mark.parametrize("case", CASES)
def test_a_provoked_failure_finds_its_cause(case: str) -> None:
    found = [classify(error) for error in errors(case)]

    assert found
    causes = {(item.reason, item.action) if item else None for item in found}
    assert causes == {PROVOKED[case]}, case
