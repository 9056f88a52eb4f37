"""The template anava is checked before any terraform; what exists is imported by the next plan."""

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer

from adapters.google import imports
from adapters.terraform import run_command
from deployments.deployment import Status
from deployments.findings import Severity, finding
from deployments.imports import Import, ImportSurvey
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.timings import RetryLimits
from tests.support import refusals
from tests.support.servers import eventually
from tests.workflows.scripted import Scripted, ScriptedHost, done, refused
from workflows.activity_options import FIND_EXISTING
from workflows.deployment import DeploymentWorkflow
from workflows.stack_queue import StackHolderWorkflow

QUICK = RetryLimits(first_pause_seconds=1, longest_pause_seconds=1, most=2)
INIT, PLAN, APPLY = Phase.INIT, Phase.PLAN, Phase.APPLY
ACCOUNT = Import("google_service_account.a", "projects/p/serviceAccounts/a")
CONFIG = Import("google_api_gateway_api_config.c", "projects/p/configs/c")


async def replay(deployment: Scripted) -> None:
    history = await deployment.handle.fetch_history()
    replayer = Replayer(workflows=[DeploymentWorkflow, StackHolderWorkflow])
    await replayer.replay_workflow(history)


async def test_what_stands_in_the_way_ends_it_before_any_terraform(client: Client) -> None:
    host = ScriptedHost([done])
    billing = finding(Reason.BILLING_DISABLED, fix="https://example.com")
    host.findings = [billing, finding(Reason.API_DISABLED, severity=Severity.NOTE)]
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        result = await deployment.result()
        await replay(deployment)

    assert (result.status, result.reason) == (Status.FAILED, Reason.BILLING_DISABLED)
    assert result.phase is Phase.PREFLIGHT
    assert result.errors == host.findings
    assert host.phases == []


async def test_notes_do_not_stop_it(client: Client) -> None:
    host = ScriptedHost([done])
    host.findings = [finding(Reason.API_DISABLED, severity=Severity.NOTE)]
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK, "anava")).result()

    assert result.status is Status.COMPLETED
    assert result.errors == []


async def test_the_sandbox_is_never_checked(client: Client) -> None:
    host = ScriptedHost([done])
    host.findings = [finding(Reason.BILLING_DISABLED)]
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK)).result()

    assert (result.status, host.looked) == (Status.COMPLETED, 0)


async def test_a_preflight_can_be_cancelled(client: Client) -> None:
    host = ScriptedHost([done])
    host.held.clear()
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        await eventually(lambda: host.looked, "the check")
        await deployment.handle.cancel(reason='anava:{"by": "ann"}')
        host.held.set()
        result = await deployment.result()
        await replay(deployment)

    assert (result.status, result.reason) == (Status.CANCELLED, Reason.CANCELLED_BY_USER)
    assert host.phases == []


async def test_what_exists_is_imported_by_the_next_plan(client: Client) -> None:
    """A name that depends on an imported parent is found by the next survey."""
    host = ScriptedHost([done])
    host.surveys = [ImportSurvey([ACCOUNT]), ImportSurvey([CONFIG]), ImportSurvey()]
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        result = await deployment.result()
        await replay(deployment)

    assert result.status is Status.COMPLETED
    assert host.phases == [INIT, PLAN, PLAN, PLAN, APPLY]
    assert [order.imports for order in host.orders] == [[], [], [ACCOUNT], [ACCOUNT, CONFIG], []]
    # The plan that is applied is the last one.
    assert host.orders[-1].plan_sha256 == "plan-4"


@pytest.mark.parametrize("summary", [refusals.EXISTS_ACCOUNT, refusals.EXISTS_RELEASE])
async def test_what_appears_while_it_is_applied_is_looked_for_anew(
    client: Client, summary: str
) -> None:
    host = ScriptedHost([refused(summary), done])
    host.surveys = [ImportSurvey(), ImportSurvey([ACCOUNT]), ImportSurvey()]
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK, "anava")).result()

    assert result.status is Status.COMPLETED
    assert host.phases == [INIT, PLAN, APPLY, PLAN, PLAN, APPLY]
    assert host.orders[4].imports == [ACCOUNT]


async def test_what_vanishes_before_it_is_imported_is_made(client: Client) -> None:
    """An import of a missing object fails the whole plan (measured)."""
    host = ScriptedHost([done], plans=[done, refused(refusals.NOT_THERE), done])
    host.surveys = [ImportSurvey([ACCOUNT]), ImportSurvey()]
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK, "anava")).result()

    assert result.status is Status.COMPLETED
    assert [order.imports for order in host.orders if order.phase is PLAN] == [[], [ACCOUNT], []]


async def test_somebody_elses_bucket_ends_it_before_anything_is_made(client: Client) -> None:
    host = ScriptedHost([done])
    host.surveys = [ImportSurvey(findings=[finding(Reason.NAME_TAKEN, resource="a.b")])]
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        result = await deployment.result()
        await replay(deployment)

    assert (result.status, result.reason) == (Status.FAILED, Reason.NAME_TAKEN)
    assert [item.resource for item in result.errors] == ["a.b"]
    assert host.phases == [INIT, PLAN]


async def test_after_a_deletion_the_plan_is_made_anew(client: Client) -> None:
    """The plan would have created a function beside the incomplete one of the same name."""
    host = ScriptedHost([done])
    host.surveys = [ImportSurvey(deleted=["a.f"]), ImportSurvey()]
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        result = await deployment.result()
        await replay(deployment)

    assert result.status is Status.COMPLETED
    assert host.phases == [INIT, PLAN, PLAN, APPLY]
    assert [order.imports for order in host.orders if order.phase is PLAN] == [[], []]


def test_the_activity_has_time_for_the_plan_and_the_whole_survey() -> None:
    limit = FIND_EXISTING["start_to_close_timeout"].total_seconds()
    assert limit > run_command._TIMEOUT_SECONDS + imports._SURVEY_SECONDS


def test_the_attempts_of_a_survey_end_within_a_quarter_of_an_hour() -> None:
    """Six attempts of a survey took up to half an hour."""
    attempts = FIND_EXISTING["retry_policy"].maximum_attempts
    assert attempts * FIND_EXISTING["start_to_close_timeout"].total_seconds() <= 900
    assert "schedule_to_close_timeout" not in FIND_EXISTING, "a worker may be away for longer"


DELETED = finding(Reason.RESOURCE_DELETED, severity=Severity.NOTE, resource="a.f")


async def test_a_deletion_is_reported_with_the_result(client: Client) -> None:
    """A customer's function disappeared without a word."""
    host = ScriptedHost([done])
    untracked = finding(Reason.RESOURCE_DELETED, severity=Severity.NOTE, resource="a.config")
    host.surveys = [
        ImportSurvey(findings=[DELETED], deleted=["a.f"]),
        ImportSurvey(findings=[DELETED, untracked]),
    ]
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        result = await deployment.result()
        await replay(deployment)

    assert result.status is Status.COMPLETED
    assert result.errors == [DELETED, untracked]


@pytest.mark.parametrize(
    "last",
    [
        ImportSurvey(findings=[DELETED], deleted=["a.f"]),
        ImportSurvey([CONFIG], [DELETED], deleted=["a.f"]),
    ],
)
async def test_a_plan_older_than_a_deletion_is_never_applied(
    client: Client, last: ImportSurvey
) -> None:
    """After the third survey the plan was applied, and missed the function of the deletion."""
    host = ScriptedHost([done])
    host.surveys = [ImportSurvey([ACCOUNT]), ImportSurvey([CONFIG]), last]
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK, "anava")
        result = await deployment.result()
        await replay(deployment)

    assert host.phases == [INIT, PLAN, PLAN, PLAN]
    assert (result.status, result.reason) == (Status.FAILED, Reason.CONCURRENT_CHANGE)
    assert [item.cause for item in result.errors] == [
        Reason.CONCURRENT_CHANGE,
        Reason.RESOURCE_DELETED,
    ]
    assert result.errors[0].resource == "a.f"
