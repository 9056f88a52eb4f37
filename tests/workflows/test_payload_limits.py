"""A deployment ends, however large the results of its steps are and however many steps it has."""

from dataclasses import replace

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from adapters.temporal.client import connect
from deployments.deployment import Status
from deployments.payload_size import MAX_PAYLOAD_BYTES
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step import Diagnostic, StepOrder, StepResult
from deployments.timings import RetryLimits
from tests.support import refusals
from tests.support.servers import TemporalServer
from tests.workflows.scripted import Scripted, ScriptedHost, done, refused

# A provider's error with a response body, in characters that take 12 bytes as JSON.
TEXT = "\N{GRINNING FACE}" * 5_000
ADDRESSES = [f'terraform_data.x["{number:0500}"]' for number in range(1_000)]


def large(order: StepOrder) -> StepResult:
    """A refused apply whose result takes 4 MB."""
    result = refused(refusals.DOWN_BUCKET)(order)
    warning = Diagnostic("warning", TEXT, TEXT)
    return replace(
        result,
        changed=ADDRESSES,
        diagnostics=[*result.diagnostics, *[warning] * 40],
    )


@pytest.fixture
async def bounded(server: TemporalServer, client: Client) -> Client:
    """The client that workers and API use, on a server that has the search attributes."""
    return await connect({"TEMPORAL_ADDRESS": server.address})


async def test_many_tries_with_large_results_come_to_an_end(bounded: Client) -> None:
    """The result was refused, and with smaller ones the input of finalize was, again and again."""
    host = ScriptedHost([large])
    async with host.workers(bounded):
        quick = RetryLimits(first_pause_seconds=1, longest_pause_seconds=1, most=3)
        deployment = await Scripted.start(bounded, quick)
        result = await deployment.result()
        history = await deployment.handle.fetch_history()
    assert host.phases.count(Phase.APPLY) == 4
    assert (result.status, result.reason) == (Status.FAILED, Reason.GOOGLE_UNAVAILABLE)
    assert result.changed == ADDRESSES[: len(result.changed)] != []
    # With any result of the host: the names and types of an event take less than 2 KB.
    assert max(event.ByteSize() for event in history.events) <= MAX_PAYLOAD_BYTES + 2_000


async def test_an_error_of_any_length_is_the_cause_of_the_failed_step(bounded: Client) -> None:
    """The server stores another error instead of 3 MB: the host counted as lost for that."""

    def broken(order: StepOrder) -> StepResult:
        raise ApplicationError(TEXT * 150, type="RunDirectoryBroken", non_retryable=True)

    host = ScriptedHost([done], plans=[broken])
    async with host.workers(bounded):
        result = await (await Scripted.start(bounded, RetryLimits())).result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.START_FAILED)
    assert result.detail.startswith(TEXT[:10])
    assert result.detail.endswith(" [cut]")
