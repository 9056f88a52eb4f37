"""A plan adopts what its order names, and nothing that an earlier one named."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.preflight import Checks, SurveyInput
from adapters.file_changes import FileChanges
from adapters.local_artifacts import LocalArtifactStore
from adapters.settings import Settings, base_environment
from adapters.terraform import command
from adapters.terraform.host import TerraformHost
from deployments.adoption import Creation, Import, Survey
from deployments.deployment import DeploymentRequest, Stack
from deployments.findings import Finding
from deployments.phase import Phase
from deployments.ports import Ticket
from deployments.preflight import Project
from deployments.segment import SegmentKey, SegmentOrder
from deployments.timings import Ladder

DEPLOYMENT = "dep-adopting"
REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
EXISTING = Import('terraform_data.edge["edge-1"]', "1")


def order(segment: int, phase: Phase = Phase.PLAN, *imports: Import) -> SegmentOrder:
    key = SegmentKey(DEPLOYMENT, segment)
    return SegmentOrder(key, phase, 60, 60, 60, Ladder(), imports=list(imports))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[TerraformHost]:
    changes, store = FileChanges(), LocalArtifactStore(tmp_path)
    settings = Settings(data_dir=tmp_path)
    host = await TerraformHost.open(settings, base_environment(), changes, store)
    await host.prepare(DEPLOYMENT, REQUEST)
    yield host
    host.close()
    changes.close()


def place(host: TerraformHost, given: SegmentOrder) -> None:
    folder = host.segment(given.key)
    folder.claim(Ticket(b"", 1, DEPLOYMENT, "run", given.phase, may_start=True))
    folder.place(given)
    folder.release()


async def test_the_order_of_a_plan_decides_what_it_adopts(
    host: TerraformHost, tmp_path: Path
) -> None:
    file = tmp_path / "runs" / DEPLOYMENT / "work" / "adoption.tf.json"
    place(host, order(2))
    assert not file.exists()

    place(host, order(3, Phase.PLAN, EXISTING))
    (block,) = json.loads(file.read_text())["import"]
    assert block == {"to": EXISTING.address, "id": "1"}

    place(host, order(4))
    assert not file.exists()


class Looked:
    """Adoption and preflight in one; takes down what is looked for."""

    def __init__(self) -> None:
        self.creations: Sequence[Creation] = []

    async def survey(self, project: str, creations: Sequence[Creation]) -> Survey:
        self.creations = creations
        return Survey([EXISTING])

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
    host: TerraformHost, tmp_path: Path
) -> None:
    work = tmp_path / "runs" / DEPLOYMENT / "work"
    await terraform(work, "init", "-input=false")
    await terraform(work, "plan", "-input=false", f"-out={command.PLAN_FILE}")
    looked = Looked()
    checks = Checks(host, looked, looked)
    found = await ActivityEnvironment().run(
        checks.survey_existing, SurveyInput(DEPLOYMENT, "demo-project-1")
    )

    assert found == Survey([EXISTING])
    assert EXISTING.address in [one.address for one in looked.creations]
    assert {one.type for one in looked.creations} == {"terraform_data"}
