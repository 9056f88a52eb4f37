"""The result fits into the memo, whatever went in, and says what was left out."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from temporalio.converter import PayloadConverter

from deployments.deployment import CancelRequest, DeploymentResult, Status
from deployments.events import EndKind, EndRecord
from deployments.findings import Finding, finding
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import fit_to_memo
from deployments.step import Output

# What the design promises for the memo's `result`.
MEMO_BYTES = 16 * 1024


def encoded_bytes(result: DeploymentResult) -> int:
    """As Temporal's own converter writes it into the memo."""
    return len(PayloadConverter.default.to_payload(result).data)


def entries(result: DeploymentResult) -> int:
    lists = (
        result.changed,
        result.not_applied,
        result.unchanged,
        result.unrecorded,
        result.unknown,
    )
    outputs = len(result.outputs) + len(result.omitted_outputs)
    return sum(map(len, lists)) + len(result.errors) + outputs


# A few characters repeated: cheap to make and as long as a provider's worst message.
TEXTS = st.builds(
    lambda text, times: text * times,
    st.text(max_size=4),
    st.sampled_from([0, 1, 50, 1000, 8_000]),
)
ADDRESSES = st.builds(lambda text, times: [text] * times, TEXTS, st.sampled_from([0, 1, 5, 500]))
RESULTS = st.builds(
    DeploymentResult,
    status=st.sampled_from(Status),
    reason=st.sampled_from(Reason),
    phase=st.sampled_from(Phase),
    detail=TEXTS,
    changed=ADDRESSES,
    not_applied=ADDRESSES,
    unrecorded=ADDRESSES,
    unknown=ADDRESSES,
    unchanged=ADDRESSES,
    errors=st.lists(
        st.builds(
            Finding,
            cause=st.sampled_from(Reason),
            message=TEXTS,
            next_step=TEXTS,
            fix=TEXTS,
            resource=TEXTS,
            detail=TEXTS,
            file=TEXTS,
        ),
        max_size=12,
    ),
    outputs=st.lists(
        st.builds(Output, name=TEXTS, sensitive=st.booleans(), value_json=TEXTS), max_size=12
    ),
    # The most that a workflow can have: 3 a phase, 1 that says that the host is lost.
    seals=st.just([EndRecord(9_999_999_999, EndKind.COMPLETE, 9_999_999_999, "0" * 64)] * 10),
    plan_sha256=st.just("0" * 64),
    cancel=st.none() | st.builds(CancelRequest, by=TEXTS, reason=TEXTS),
    host=TEXTS,
    terraform_version=TEXTS,
    omitted=st.integers(0, 1000),
)


@given(RESULTS)
def test_whatever_went_in_fits_into_the_memo(result: DeploymentResult) -> None:
    """A cancel's reason of 8,000 characters, or one long address, made it too large."""
    short = fit_to_memo(result)
    assert encoded_bytes(short) <= MEMO_BYTES
    assert entries(short) + short.omitted == entries(result) + result.omitted
    assert (short.status, short.reason, short.seals) == (result.status, result.reason, result.seals)
    assert set(short.changed) <= set(result.changed)
    assert fit_to_memo(short) == short


def test_a_small_result_is_left_as_it_is() -> None:
    result = DeploymentResult(
        Status.COMPLETED, Reason.APPLIED, Phase.APPLY, changed=["a.b"], cancel=CancelRequest("ann")
    )
    assert fit_to_memo(result) == result


def test_a_long_text_says_that_it_was_cut() -> None:
    result = DeploymentResult(Status.FAILED, Reason.APPLY_FAILED, Phase.APPLY, detail="x" * 9000)
    assert fit_to_memo(result).detail.endswith("x [cut]")


def test_one_long_output_does_not_push_out_the_others() -> None:
    """One value of 14 KB left no other entry in the result."""
    small, large = Output("url", False, '"x"'), Output("all", False, '"' + "x" * 14_500 + '"')  # noqa: FBT003 - Output's own order
    result = DeploymentResult(
        Status.COMPLETED, Reason.APPLIED, Phase.APPLY, changed=["a.b"], outputs=[large, small]
    )
    short = fit_to_memo(result)
    assert (short.outputs, short.changed) == ([small], ["a.b"])
    assert (short.omitted_outputs, short.omitted) == (["all"], 0)


def test_of_many_errors_each_kind_keeps_one() -> None:
    """Five accounts were refused first: buckets and secrets were in no error."""
    addresses = [
        *(f'google_service_account.this["{name}"]' for name in "abcde"),
        "google_storage_bucket.firebase",
        "google_storage_bucket.functions",
        *(f'google_secret_manager_secret.this["{name}"]' for name in "ab"),
    ]
    errors = [
        replace(finding(Reason.PERIMETER_FORBIDS, resource=address), detail="x" * 1_200)
        for address in addresses
    ]
    result = DeploymentResult(
        Status.FAILED, Reason.PERIMETER_FORBIDS, Phase.APPLY, errors=errors, not_applied=addresses
    )
    short = fit_to_memo(result)
    kept = [error.resource for error in short.errors]
    assert len(kept) < len(errors)
    assert {address.partition(".")[0] for address in kept} == {
        address.partition(".")[0] for address in addresses
    }
    assert short.omitted == entries(result) - entries(short)
