"""What lies on another host's disk is not what does not exist."""

from dataclasses import replace

import pytest

from api.services.placement import Placement
from deployments.deployment import Operation, Status
from deployments.errors import OnAnotherHost
from deployments.execution import DeploymentSnapshot
from deployments.phase import Phase
from deployments.reasons import Reason

SNAPSHOT = DeploymentSnapshot(
    id="dep-there",
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
HERE = replace(SNAPSHOT, id="dep-here")
LOCAL = Placement(lambda deployment: deployment == HERE.id)
SHARED = replace(LOCAL, log_is_local=False, artifacts_are_local=False)


def test_the_host_that_has_the_data_is_named() -> None:
    for require in (LOCAL.require_log, LOCAL.require_artifacts, LOCAL.require_progress):
        with pytest.raises(OnAnotherHost, match="0123456789ab"):
            require(SNAPSHOT)
        require(HERE)
        # Queued: no host has the deployment yet.
        require(replace(SNAPSHOT, host=None))


def test_a_shared_store_is_read_on_every_host() -> None:
    SHARED.require_log(SNAPSHOT)
    SHARED.require_artifacts(SNAPSHOT)
    with pytest.raises(OnAnotherHost):
        SHARED.require_progress(SNAPSHOT)
