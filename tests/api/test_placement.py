"""What lies on another host's disk is not what does not exist."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from api.app import build
from api.dependencies import Services
from api.services.placement import Placement
from deployments.deployment import DeploymentResult, Operation, Status
from deployments.errors import Expired, OnAnotherHost, PlanNotReady
from deployments.events import EndKind, EndRecord, EventChunk, EventId
from deployments.execution import Caller, DeploymentSnapshot, rfc3339
from deployments.phase import Phase
from deployments.reasons import Reason
from tests.api.serving import in_process
from tests.support.ids import deployment_id

SNAPSHOT = DeploymentSnapshot(
    id=deployment_id("there"),
    tenant="local",
    owner="local",
    stack="local.sandbox.demo-project-1.anava",
    operation=Operation.DEPLOY,
    status=Status.COMPLETED,
    phase=Phase.APPLY,
    reason=Reason.APPLIED,
    created_at="2026-11-24T10:00:00.000Z",
    host="0123456789ab",
)
HERE = replace(SNAPSHOT, id=deployment_id("here"))
LOCAL = Placement(lambda deployment: deployment == HERE.id)
SHARED = replace(LOCAL, log_is_local=False, artifacts_are_local=False)

SEAL = EndRecord(1, EndKind.COMPLETE, 1, "0" * 64)
OLD = replace(
    SNAPSHOT,
    ended_at="2020-01-01T00:00:00.000Z",
    result=DeploymentResult(Status.COMPLETED, Reason.APPLIED, Phase.APPLY, seals=[SEAL]),
)
SHORT = replace(LOCAL, run_days=90, log_days=90, artifact_days=90)


class Log:
    """A log with a number of chunks."""

    name = label = "test"

    def __init__(self, *chunks: EventChunk) -> None:
        self._chunks = [*chunks]

    def reading(self, deployment: str) -> str:
        return self.name

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        return self._chunks

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        yield self._chunks


EMPTY, FULL = Log(), Log(EventChunk(1, 1, 1, b"{}\n"))


def read_artifacts(placement: Placement, snapshot: DeploymentSnapshot) -> None:
    with placement.reading_artifacts(snapshot):
        pass


async def test_the_host_that_has_the_data_is_named() -> None:
    with pytest.raises(OnAnotherHost, match="0123456789ab"):
        await LOCAL.require_log(SNAPSHOT, FULL)
    for require in (partial(read_artifacts, LOCAL), LOCAL.require_progress):
        with pytest.raises(OnAnotherHost, match="0123456789ab"):
            require(SNAPSHOT)
    # Queued: no host has the deployment yet.
    for snapshot in (HERE, replace(SNAPSHOT, host=None)):
        await LOCAL.require_log(snapshot, EMPTY)
        read_artifacts(LOCAL, snapshot)
        LOCAL.require_progress(snapshot)


async def test_a_shared_store_is_read_on_every_host() -> None:
    await SHARED.require_log(SNAPSHOT, EMPTY)
    read_artifacts(SHARED, SNAPSHOT)
    with pytest.raises(OnAnotherHost):
        SHARED.require_progress(SNAPSHOT)


async def test_data_whose_retention_has_ended_are_not_on_another_host() -> None:
    with pytest.raises(Expired, match="90 days"):
        await SHORT.require_log(OLD, EMPTY)
    for require in (partial(read_artifacts, SHORT), SHORT.require_progress):
        with pytest.raises(Expired, match="90 days"):
            require(OLD)
    assert "90 days" in SHORT.log_elsewhere(OLD)


async def test_artifacts_outlive_the_run_directory() -> None:
    read_artifacts(replace(SHORT, has_artifacts=lambda _: True), OLD)


async def test_a_shared_log_is_deleted_only_when_its_store_has_none() -> None:
    """An empty page would be the answer for a log that was there."""
    shared = replace(SHORT, log_is_local=False, artifacts_are_local=False)

    await shared.require_log(OLD, FULL)
    with pytest.raises(Expired):
        await shared.require_log(OLD, EMPTY)
    await shared.require_log(replace(OLD, ended_at=rfc3339(datetime.now(UTC))), EMPTY)


@pytest.mark.parametrize(("snapshot", "error"), [(OLD, Expired), (HERE, PlanNotReady)])
def test_an_artifact_that_is_not_there_has_expired_or_never_was(
    snapshot: DeploymentSnapshot, error: type[Exception]
) -> None:
    shared = replace(SHORT, artifacts_are_local=False)

    with pytest.raises(error), shared.reading_artifacts(snapshot):
        raise PlanNotReady("no plan")


class OldDeployments:
    """A service with a single deployment, which ended years ago."""

    async def get(self, caller: Caller, deployment: str) -> DeploymentSnapshot:
        return OLD


@pytest.mark.parametrize(
    "path",
    [
        *("logs", "logs?format=text", "logs/stream", "logs/verify", "plan", "artifacts"),
        *("artifacts/log.txt", "progress", "resources"),
    ],
)
@pytest.mark.parametrize("is_shared", [False, True])
async def test_each_read_of_deleted_data_says_so(
    services: Services, path: str, *, is_shared: bool
) -> None:
    placement = replace(SHORT, log_is_local=not is_shared, artifacts_are_local=not is_shared)
    app = build(replace(services, deployments=OldDeployments(), placement=placement))  # type: ignore[arg-type] # only `get` is called
    async with in_process(app) as session:
        answer = await session.get(f"/api/deployment/{OLD.id}/{path}")

    if path == "artifacts" and is_shared:
        # The record stays longer than the other artifacts, so the list is no error.
        assert answer.json()["items"] == []
        return
    assert (answer.status_code, answer.json()["code"]) == (404, "expired")
    assert "90 days" in answer.json()["detail"]
