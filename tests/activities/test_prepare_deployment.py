"""A host that lacks what a template needs says so before anything is begun."""

from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deployments import DeploymentActivities, PrepareDeploymentInput
from adapters.settings import Settings, TerraformSettings
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import InvalidRequest
from tests.support.ids import deployment_id
from tests.support.worker_host import worker_host

REQUEST = DeploymentRequest(Stack("anava", "demo-project-1", "anava"), "us-central1", "US")
DEPLOYMENT, SECOND, THIRD = map(deployment_id, ("1", "2", "3"))


async def test_a_template_with_googles_provider_needs_a_mirror(tmp_path: Path) -> None:
    (tmp_path / "templates" / "anava").mkdir(parents=True)
    settings = Settings(
        data_dir=tmp_path, terraform=TerraformSettings(templates=tmp_path / "templates")
    )
    async with worker_host(settings) as host:
        prepare = DeploymentActivities(
            host, host.plans, host.finalization, host.archive
        ).prepare_deployment
        with pytest.raises(ApplicationError, match="ANAVA_TERRAFORM__MIRROR") as refused:
            await ActivityEnvironment().run(prepare, PrepareDeploymentInput(DEPLOYMENT, REQUEST))
    assert (refused.value.type, refused.value.non_retryable) == ("TerraformUnusable", True)
    assert not (settings.runs / DEPLOYMENT).exists()


async def test_the_version_of_a_template_is_a_digest_of_its_files(tmp_path: Path) -> None:
    template = tmp_path / "templates" / "sandbox"
    (template / "modules").mkdir(parents=True)
    (template / "main.tf").write_text("")
    settings = Settings(
        data_dir=tmp_path, terraform=TerraformSettings(templates=tmp_path / "templates")
    )
    request = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
    async with worker_host(settings) as host:
        first = (await host.prepare(DEPLOYMENT, request)).template_version
        (template / "README.md").write_text("a file that the template may read")
        second = (await host.prepare(SECOND, request)).template_version
        (template / "modules" / "a.tf").write_text("# another file")
        third = (await host.prepare(THIRD, request)).template_version
        repeated = (await host.prepare(DEPLOYMENT, request)).template_version
    assert len(first) == 12
    assert set(first) <= set("0123456789abcdef")
    assert len({first, second, third}) == 3
    assert repeated == first


async def test_a_host_refuses_a_template_that_is_removed(tmp_path: Path) -> None:
    """Also where another API, or a client of Temporal, has accepted the deployment."""
    settings = Settings(data_dir=tmp_path, terraform=TerraformSettings(removed=("sandbox",)))
    request = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
    async with worker_host(settings) as host:
        with pytest.raises(InvalidRequest, match="does not deploy the template sandbox"):
            await host.prepare(DEPLOYMENT, request)
    assert not (settings.runs / DEPLOYMENT).exists()
