"""The warning about an earlier deployment of the stack that ended without a result."""

import pytest

from deployments.findings import Severity
from deployments.interruption import Interruption
from deployments.phase import Phase
from deployments.reasons import Reason

NAMES = ["terraform_data.a", "terraform_data.b"]


@pytest.mark.parametrize(
    ("interruption", "cause", "text"),
    [
        (
            Interruption("dep-1", 3, Phase.APPLY, unrecorded=NAMES),
            Reason.UNRECORDED_RESOURCES,
            "in step 3 (apply). 2 resources were made that the stack's state does not contain.",
        ),
        (
            Interruption("dep-1", 3, Phase.APPLY, unknown=NAMES),
            Reason.OUTCOME_UNKNOWN,
            "2 resources have an unknown outcome.",
        ),
        (
            Interruption("dep-1", 3, Phase.APPLY, inconclusive=True),
            Reason.OUTCOME_UNKNOWN,
            "It is not known which resources it made.",
        ),
        (
            Interruption("dep-1", 0, Phase.QUEUE),
            Reason.NONE,
            "before its first step. The stack's state contains all that it made.",
        ),
    ],
)
def test_it_names_deployment_place_and_resources(
    interruption: Interruption, cause: Reason, text: str
) -> None:
    warning = interruption.finding()
    assert (warning.cause, warning.severity) == (cause, Severity.WARNING)
    assert "dep-1" in warning.message
    assert text in warning.message
    assert warning.detail.split() == [*interruption.unrecorded, *interruption.unknown]
    assert bool(warning.next_step) is (cause is not Reason.NONE)
