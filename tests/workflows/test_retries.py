"""A refusal that passes is tried again, with a new plan; any other is told at once."""

from dataclasses import replace

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.worker import Replayer

from deployments.deployment import Status
from deployments.errors import (
    AnavaError,
    StateBeingRecovered,
    StateReplaced,
    TerraformUnusable,
)
from deployments.explanations import Actor
from deployments.findings import Effect
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step import Resource, ResourceStatus
from deployments.temporal_names import Signal
from deployments.timings import RetryLimits
from tests.support import public_refusals, refusals
from tests.support.servers import eventually
from tests.workflows.scripted import Scripted, ScriptedHost, done, refused
from workflows.deployment import DeploymentWorkflow
from workflows.stack_queue import StackHolderWorkflow

QUICK = RetryLimits(first_pause_seconds=1, longest_pause_seconds=1, most=2)
SLOW = RetryLimits(first_pause_seconds=3600, longest_pause_seconds=3600)
INIT, PLAN, APPLY = Phase.INIT, Phase.PLAN, Phase.APPLY


async def replay(history: WorkflowHistory) -> None:
    await Replayer(workflows=[DeploymentWorkflow, StackHolderWorkflow]).replay_workflow(history)


async def test_a_service_that_was_down_is_tried_again_with_a_new_plan(client: Client) -> None:
    host = ScriptedHost([refused(refusals.DOWN_BUCKET), done])
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK)
        result = await deployment.result()
        history = await deployment.handle.fetch_history()

    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert host.phases == [INIT, PLAN, APPLY, PLAN, APPLY]
    # The old plan is never applied again.
    assert [order.plan_sha256 for order in host.orders if order.phase is APPLY] == [
        "plan-2",
        "plan-4",
    ]
    assert [item.key.step for item in host.orders] == [1, 2, 3, 4, 5]
    assert result.errors == []
    await replay(history)


async def test_an_api_that_was_just_enabled_is_waited_for(client: Client) -> None:
    """More often than a passing refusal is tried again: what counts is the time."""
    disabled = refused(refusals.DISABLED_SECRET, "execution halted")
    host = ScriptedHost([disabled, disabled, disabled, done])
    async with host.workers(client):
        deployment = await Scripted.start(client, replace(QUICK, longest_pause_seconds=2))
        details = await deployment.until_reason(Reason.API_DISABLED)
        result = await deployment.result()

    assert "secretmanager.googleapis.com is disabled in project 123456789012" in details
    assert "again in " in details
    assert result.status is Status.COMPLETED


async def test_the_waits_of_a_new_project_are_named_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Roles of the build ended the deployment as `build_failed` and `permission_denied`."""
    host = ScriptedHost(
        [
            refused(public_refusals.ENABLE_NOT_FOUND),
            refused(public_refusals.BUILD_SOURCE_DENIED),
            refused(public_refusals.ARTIFACTS_DENIED_LATE),
            refused(public_refusals.MANAGED_NOT_FOUND),
            done,
        ]
    )
    with caplog.at_level("INFO", "temporalio.workflow"):
        async with host.workers(client):
            deployment = await Scripted.start(client, QUICK)
            result = await deployment.result()
            history = await deployment.handle.fetch_history()

    assert (result.status, result.errors) == (Status.COMPLETED, [])
    waits = [record.getMessage() for record in caplog.records if "waits 1 s" in record.getMessage()]
    assert [wait.partition(" for ")[2].partition(" ")[0] for wait in waits] == [
        "service_not_found",
        "build_roles_missing",
        "build_roles_missing",
        "service_not_found",
    ]
    await replay(history)


async def test_a_wait_ends_at_its_limit_with_the_cause(client: Client) -> None:
    host = ScriptedHost([refused(public_refusals.BUILD_SOURCE_DENIED)])
    async with host.workers(client):
        deployment = await Scripted.start(client, replace(QUICK, propagation_seconds=1))
        result = await deployment.result()

    assert (result.status, result.reason) == (Status.FAILED, Reason.BUILD_ROLES_MISSING)
    assert host.phases == [INIT, PLAN, APPLY, PLAN, APPLY]
    (error,) = result.errors
    assert (error.actor, error.effect) == (Actor.GOOGLE, Effect.REPEATED)


async def test_a_plan_that_cannot_read_is_tried_again(client: Client) -> None:
    host = ScriptedHost([done], plans=[refused(refusals.DOWN_READ), done])
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK)).result()

    assert result.status is Status.COMPLETED
    assert host.phases == [INIT, PLAN, PLAN, APPLY]


async def test_what_never_passes_ends_after_the_tries_it_has(client: Client) -> None:
    host = ScriptedHost([refused(refusals.RATE_ACCOUNT)])
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK)
        result = await deployment.result()
        history = await deployment.handle.fetch_history()

    assert (result.status, result.reason) == (Status.FAILED, Reason.RATE_LIMITED)
    assert host.phases == [INIT, PLAN, APPLY, PLAN, APPLY, PLAN, APPLY]
    assert [finding.cause for finding in result.errors] == [Reason.RATE_LIMITED]
    await replay(history)


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        (refusals.PERMISSION_ACCOUNT, Reason.PERMISSION_DENIED),
        (refusals.BILLING_ENABLE, Reason.BILLING_DISABLED),
        (refusals.POLICY_ACCOUNT, Reason.POLICY_FORBIDS),
        (refusals.EXPIRED_SECRET, Reason.SIGN_IN_EXPIRED),
        (refusals.BUILD_FAILED, Reason.BUILD_FAILED),
        (public_refusals.PERIMETER, Reason.PERIMETER_FORBIDS),
        (public_refusals.RAPT_REQUIRED, Reason.SIGN_IN_EXPIRED),
        (public_refusals.FIREBASE_TERMS_NAMED, Reason.FIREBASE_TERMS),
        (public_refusals.RUNTIME, Reason.RUNTIME_RETIRED),
        ("Invalid index", Reason.APPLY_FAILED),
    ],
)
async def test_what_waiting_cannot_mend_ends_at_once(
    client: Client, summary: str, reason: Reason
) -> None:
    host = ScriptedHost([refused(refusals.DOWN_BUCKET, summary)])
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK)).result()

    assert (result.status, result.reason) == (Status.FAILED, reason)
    assert host.phases == [INIT, PLAN, APPLY]


async def test_a_deployment_that_waits_can_be_cancelled(client: Client) -> None:
    host = ScriptedHost([refused(refusals.DOWN_BUCKET)])
    async with host.workers(client):
        deployment = await Scripted.start(client, SLOW)
        details = await deployment.until_reason(Reason.GOOGLE_UNAVAILABLE)
        await deployment.handle.cancel(reason='anava:{"by": "ann"}')
        result = await deployment.result()
        described = await deployment.handle.describe()
        history = await deployment.handle.fetch_history()

    assert "again in 3600 s" in details
    assert (result.status, result.reason) == (Status.CANCELLED, Reason.CANCELLED_BY_USER)
    assert described.status is WorkflowExecutionStatus.CANCELED
    assert host.phases == [INIT, PLAN, APPLY]
    await replay(history)


async def test_what_takes_far_too_long_is_said_while_it_runs(client: Client) -> None:
    host = ScriptedHost([done])
    host.held.clear()
    slow = Resource(
        'google_secret_manager_secret.keys["`a`"]',
        "create",
        ResourceStatus.RUNNING,
        started_at="2026-11-25T03:00:00Z",
        elapsed_seconds=70,
        typical_seconds=5,
        overdue=True,
    )
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK)
        await deployment.until_reason(Reason.NONE)
        await eventually(lambda: APPLY in host.phases, "the apply")
        await deployment.handle.signal(Signal.OVERDUE, [slow])
        details = await deployment.until_reason(Reason.KEEPS_FAILING)
        await deployment.handle.signal(Signal.OVERDUE, [])
        after = await deployment.until_reason(Reason.NONE)
        host.held.set()
        result = await deployment.result()

    assert "Google probably keeps refusing it" in details
    assert "`google_secret_manager_secret.keys[\"'a'\"]`: since 2026-11-25T03:00:00Z" in details
    assert "refusing" not in after
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)


@pytest.mark.parametrize("text", refusals.NO_ANSWER_OF_THE_STATE[:2])
async def test_a_store_of_the_state_that_does_not_answer_at_init_is_tried_again(
    client: Client, text: str
) -> None:
    """It ended as `init_failed`."""
    host = ScriptedHost([done], inits=[refused(text), done])
    async with host.workers(client):
        deployment = await Scripted.start(client, QUICK)
        result = await deployment.result()
        history = await deployment.handle.fetch_history()
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert host.phases == [INIT, INIT, PLAN, APPLY]
    await replay(history)


async def test_a_store_of_the_state_that_stays_away_ends_the_deployment(client: Client) -> None:
    host = ScriptedHost([done], inits=[refused(refusals.NO_ANSWER_OF_THE_STATE[0])])
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK)).result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.STATE_UNREACHABLE)
    assert host.phases == [INIT] * 3


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (StateBeingRecovered("host a"), Reason.STATE_BEING_RECOVERED),
        (StateReplaced("lineage b"), Reason.STATE_REPLACED),
        (TerraformUnusable("too old"), Reason.PREPARE_FAILED),
    ],
)
async def test_a_host_that_refuses_to_prepare_names_the_reason(
    client: Client, refusal: AnavaError, reason: Reason
) -> None:
    host = ScriptedHost([done])
    host.refusal = refusal
    async with host.workers(client):
        result = await (await Scripted.start(client, QUICK)).result()
    assert (result.status, result.reason, result.detail) == (Status.FAILED, reason, str(refusal))
    assert host.phases == []
