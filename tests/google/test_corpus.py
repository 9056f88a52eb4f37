"""What the real provider said to each failure, and that each of them has its cause."""

import json

import pytest

from deployments.causes import classify
from deployments.reasons import Reason
from deployments.segment import Diagnostic
from tests.google.provoked import CASES
from tests.google.record import CORPUS, SINGLE, SLOW

CAUSES = {
    "act-as": Reason.PERMISSION_DENIED,
    "api-disabled-account": Reason.API_DISABLED,
    "api-disabled-bucket": Reason.API_DISABLED,
    "api-disabled-secret": Reason.API_DISABLED,
    "billing-bucket": Reason.BILLING_DISABLED,
    "billing-enable": Reason.BILLING_DISABLED,
    "billing-enable-two": Reason.BILLING_DISABLED,
    "billing-secret": Reason.BILLING_DISABLED,
    "bucket-taken": Reason.NAME_TAKEN,
    "bucket-yours": Reason.ALREADY_EXISTS,
    "build-failed": Reason.BUILD_FAILED,
    "config-missing": None,  # a reference of the stack's own, to nothing
    "deleted-key": Reason.ALREADY_EXISTS,
    "deleted-pool": Reason.ALREADY_EXISTS,
    "denied-account": Reason.PERMISSION_DENIED,
    "denied-bucket": Reason.PERMISSION_DENIED,
    "denied-enable": Reason.PERMISSION_DENIED,
    "exists-account": Reason.ALREADY_EXISTS,
    "exists-api": Reason.ALREADY_EXISTS,
    "exists-config": None,  # 400 instead of 409; no row knows it yet
    "exists-database": Reason.ALREADY_EXISTS,
    "exists-function": Reason.ALREADY_EXISTS,
    "exists-key": Reason.ALREADY_EXISTS,
    "exists-pool": Reason.ALREADY_EXISTS,
    "exists-release": Reason.ALREADY_EXISTS,
    "exists-secret": Reason.ALREADY_EXISTS,
    "import-api-disabled": Reason.API_DISABLED,
    "import-deleted-pool": Reason.IMPORT_MISSED,
    "import-missing": Reason.IMPORT_MISSED,
    "interrupted-twice": None,  # an echo of our own interrupt
    "member-missing": Reason.IDENTITY_NOT_READY,
    "org-policy-account": Reason.POLICY_FORBIDS,
    "org-policy-bucket": Reason.POLICY_FORBIDS,
    "project-unknown": Reason.PERMISSION_DENIED,
    "quota-account": Reason.RATE_LIMITED,
    "quota-bucket": Reason.RATE_LIMITED,
    "quota-enable": Reason.KEEPS_FAILING,
    "quota-secret": Reason.RATE_LIMITED,
    "read-unavailable": Reason.GOOGLE_UNAVAILABLE,
    "refused": Reason.GOOGLE_UNREACHABLE,
    "timeout-secret": Reason.KEEPS_FAILING,
    "token-account": Reason.SIGN_IN_EXPIRED,
    "token-bucket": Reason.SIGN_IN_EXPIRED,
    "unavailable-account": Reason.GOOGLE_UNAVAILABLE,
    "unavailable-bucket": Reason.GOOGLE_UNAVAILABLE,
    "unavailable-secret": Reason.GOOGLE_UNAVAILABLE,
    "unknown-host": Reason.GOOGLE_UNREACHABLE,
}


def _diagnostics(name: str) -> list[Diagnostic]:
    lines = (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line)["diagnostic"] for line in lines]
    return [
        Diagnostic(one["severity"], one["summary"], one["detail"], one.get("address", ""))
        for one in found
    ]


def test_every_case_is_in_the_corpus_and_nothing_else_is() -> None:
    recorded = {path.stem for path in CORPUS.glob("*.jsonl")}

    assert recorded == {*CASES, *SINGLE, *SLOW}
    assert recorded == set(CAUSES)


@pytest.mark.parametrize("name", CAUSES)
def test_what_the_provider_said_has_its_cause(name: str) -> None:
    causes = [classify(one) for one in _diagnostics(name)]

    assert causes != []
    assert {cause.reason if cause else None for cause in causes} == {CAUSES[name]}


def test_a_provider_error_has_all_its_words_in_the_summary() -> None:
    """Only terraform's own errors have a detail: what an import misses."""
    with_detail = {
        name for name in CAUSES for one in _diagnostics(name) if one.detail and one.address
    }

    assert with_detail == set()
