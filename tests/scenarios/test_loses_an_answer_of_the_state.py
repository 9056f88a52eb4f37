"""Each answer to terraform's requests for lock and state is lost once."""

import json
import os
import signal

import pytest

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.scenarios.state_bucket import FrontedBucket, until_settled
from tests.support.servers import eventually
from tests.support.service import Deployment, House
from tests.support.verdicts import Rule, Verdict, nth

PLAN, RESOURCES = 2, 12
LOCK, STATE = "default.tflock", "default.tfstate"


def matching(part: str, rule: Rule) -> Rule:
    """The fate of the requests whose name has this part."""
    return lambda name: rule(name) if part in name else Verdict.PASS


def of_terraform(rule: Rule) -> Rule:
    """The fate of terraform's requests: Python's client has another form of names."""
    return lambda name: (
        rule(name) if "prettyPrint" in name or "GET /logs-" in name else Verdict.PASS
    )


async def check_end(house: House, fronted: FrontedBucket, deployment: Deployment) -> Status:
    """No lock of ours is left, the end is true, and no resource is made twice."""
    result = await deployment.result(150)
    await until_settled(house)
    await fronted.bucket.check(house, deployment)
    assert result.reason is not Reason.STATE_LOCKED
    assert result.status in {Status.COMPLETED, Status.FAILED}
    if result.status is Status.FAILED:
        assert result.reason in {Reason.STATE_RECOVERED, Reason.STATE_BEING_RECOVERED}
        assert len(await fronted.bucket.recorded(deployment)) == RESOURCES
    return result.status


@pytest.mark.parametrize(
    ("part", "number"),
    [
        # Init lists the workspaces, locks the missing state, writes it, unlocks, and reads it.
        pytest.param("delimiter", 1, marks=pytest.mark.long),
        (LOCK, 1),
        pytest.param(f"{STATE}&prettyPrint", 1, marks=pytest.mark.long),
        pytest.param("DELETE", 1, marks=pytest.mark.long),
        ("GET /logs-", 3),
    ],
)
async def test_a_lost_answer_at_init_is_tried_again(
    house: House, fronted: FrontedBucket, part: str, number: int
) -> None:
    """It ended as `init_failed`, and a lock of ours stayed."""
    house.worker()
    fronted.proxy.rule = of_terraform(matching(part, nth(number, Verdict.CLOSE)))
    deployment = await house.deploy(prefix="lost", resource_seconds=0)
    assert await check_end(house, fronted, deployment) is Status.COMPLETED
    assert any(fate is Verdict.CLOSE for _, fate in fronted.proxy.calls)


async def test_a_foreign_lock_on_a_stack_without_state_is_named(
    house: House, fronted: FrontedBucket
) -> None:
    """It ended as `init_failed`."""
    house.worker()
    deployment = await house.deploy(prefix="foreign", resource_seconds=0)
    holder = {"ID": "1", "Who": "operator@laptop", "Created": "2026-11-27T01:00:00Z"}
    await fronted.bucket.put(deployment, "tflock", json.dumps(holder).encode())
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.STATE_LOCKED)
    error = result.errors[0]
    assert "operator@laptop" in error.message + error.detail
    assert json.loads(await fronted.bucket.get(deployment, "tflock")) == holder


async def test_the_lock_of_a_plan_that_was_killed_before_its_first_message_is_removed(
    house: House, fronted: FrontedBucket
) -> None:
    """The lock was recorded after messages that such a plan never prints."""
    house.worker()
    deployment = await house.deploy(prefix="killed", resource_seconds=0)
    await deployment.until_file(PLAN, "step.json")
    # The plan locks the state and then waits for it.
    fronted.proxy.latency_seconds = 1

    async def is_locked() -> bool:
        return b"OperationTypePlan" in await fronted.bucket.get(deployment, "tflock")

    await eventually(is_locked, "the lock of the plan", 30)
    os.kill(deployment.started(PLAN)["terraform_pid"], signal.SIGKILL)
    fronted.proxy.latency_seconds = 0
    await deployment.result()
    assert await fronted.bucket.get(deployment, "tflock") == b""


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("verdict", [Verdict.CLOSE, Verdict.LOSE, Verdict.UNAVAILABLE])
@pytest.mark.parametrize("number", range(1, 22))
async def test_each_request_of_terraform_is_lost_once(
    house: House, fronted: FrontedBucket, verdict: Verdict, number: int
) -> None:
    """A first deployment sends 21 requests to lock and state."""
    house.worker()
    fronted.proxy.rule = of_terraform(nth(number, verdict))
    deployment = await house.deploy(prefix=f"n{number}", resource_seconds=0)
    await check_end(house, fronted, deployment)
    assert any(fate is verdict for _, fate in fronted.proxy.calls), "the request was not sent"
