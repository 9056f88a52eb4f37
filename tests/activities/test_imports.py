"""A plan imports what its order names, and nothing that an earlier one named."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.preflight import FindExistingInput, PreflightActivities
from adapters.settings import Settings, base_environment
from adapters.terraform import command
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import NotAcceptedByApi
from deployments.findings import Finding
from deployments.imports import Import, ImportSurvey, PlannedCreation
from deployments.phase import Phase
from deployments.preflight import Project
from deployments.step import ActivityToken, StepKey, StepOrder
from deployments.timings import StopLadder
from tests.support.ids import deployment_id
from tests.support.worker_host import worker_host
from worker.host import WorkerHost

DEPLOYMENT = deployment_id("importing")
REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
EXISTING = Import('terraform_data.edge["edge-1"]', "1")


def order(step: int, phase: Phase = Phase.PLAN, *imports: Import) -> StepOrder:
    key = StepKey(DEPLOYMENT, step)
    return StepOrder(key, phase, 60, 60, 60, StopLadder(), imports=list(imports))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[WorkerHost]:
    async with worker_host(Settings(data_dir=tmp_path)) as host:
        await host.prepare(DEPLOYMENT, REQUEST)
        yield host


def place(host: WorkerHost, given: StepOrder) -> None:
    folder = host.step(given.key)
    folder.claims.take(ActivityToken(b"", 1, DEPLOYMENT, "run", given.phase, may_start=True))
    folder.runner.place(given)
    folder.release()


async def test_the_order_of_a_plan_decides_what_it_imports(
    host: WorkerHost, tmp_path: Path
) -> None:
    file = tmp_path / "runs" / DEPLOYMENT / "work" / "imports.tf.json"
    place(host, order(2))
    assert not file.exists()

    await host.plans.add_imports(DEPLOYMENT, [EXISTING])
    place(host, order(3, Phase.PLAN, EXISTING))
    (block,) = json.loads(file.read_text())["import"]
    assert block == {"to": EXISTING.address, "id": "1"}

    place(host, order(4))
    assert not file.exists()


@pytest.mark.parametrize(
    "foreign",
    [
        Import(EXISTING.address, "projects/another-project/1"),
        Import('terraform_data.edge["edge-2"]', EXISTING.id),
    ],
)
async def test_an_import_that_no_search_of_this_host_returned_is_refused(
    host: WorkerHost, tmp_path: Path, foreign: Import
) -> None:
    """A program that polls the task queue imported the resource of another project."""
    await host.plans.add_imports(DEPLOYMENT, [EXISTING])
    with pytest.raises(NotAcceptedByApi):
        place(host, order(2, Phase.PLAN, EXISTING, foreign))
    run = tmp_path / "runs" / DEPLOYMENT
    assert not (run / "work" / "imports.tf.json").exists()
    assert not (run / "steps" / "2" / "step.json").exists()


class Looked:
    """Import finder and preflight in one; takes down what is looked for."""

    def __init__(self) -> None:
        self.creations: Sequence[PlannedCreation] = []

    async def find_existing(
        self, project: str, creations: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        self.creations = creations
        return ImportSurvey([EXISTING])

    async def delete_unusable(
        self, project: str, unusable: Sequence[PlannedCreation]
    ) -> ImportSurvey:
        return ImportSurvey(deleted=[item.address for item in unusable])

    async def check(self, request: DeploymentRequest) -> list[Finding]:
        return []

    async def projects(self) -> list[Project]:
        return []


async def terraform(work: Path, *arguments: str) -> None:
    environment = {
        **base_environment(),
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": os.devnull,
    }
    process = await asyncio.create_subprocess_exec(
        "terraform", *arguments, cwd=work, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == os.EX_OK


async def test_what_the_plan_of_this_host_would_create_is_looked_for(
    host: WorkerHost, tmp_path: Path
) -> None:
    work = tmp_path / "runs" / DEPLOYMENT / "work"
    await terraform(work, "init", "-input=false")
    await terraform(work, "plan", "-input=false", f"-out={command.PLAN_FILE}")
    looked = Looked()
    checks = PreflightActivities(host.plans, looked, looked)
    found = await ActivityEnvironment().run(
        checks.find_existing, FindExistingInput(DEPLOYMENT, "demo-project-1")
    )

    assert found == ImportSurvey([EXISTING])
    assert EXISTING.address in [creation.address for creation in looked.creations]
    assert {item.type for item in looked.creations} == {"terraform_data"}
    place(host, order(2, Phase.PLAN, EXISTING))
    assert (work / "imports.tf.json").exists()
