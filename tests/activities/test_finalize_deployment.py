"""The end of a deployment keeps its artifacts, and does not depend on them."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deployments import DeploymentActivities, FinalizeDeploymentInput
from adapters.local.artifacts import LocalArtifactStore
from adapters.settings import LimitsSettings, Settings
from deployments.artifacts import Artifact
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack, Status
from deployments.errors import NotAcceptedByApi, Unavailable
from deployments.payload_size import fit
from deployments.phase import Phase
from deployments.results import EndContext
from deployments.step import Counts, Output, StepKey, StepOutcome, StepResult
from tests.support.ids import deployment_id
from tests.support.worker_host import worker_host
from worker.host import WorkerHost
from worker.steps.result_file import write_result

DEPLOYMENT = deployment_id("finalizing")
REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
APPLIED = StepResult(
    StepKey(DEPLOYMENT, 2),
    Phase.APPLY,
    StepOutcome.DONE,
    exit_code=0,
    applied=True,
    counts=Counts(add=1),
    outputs=[Output("url", sensitive=False, value_json='"https://x"'), Output("key", True)],  # noqa: FBT003 - two words say it
)
INPUT = FinalizeDeploymentInput(DEPLOYMENT, "local", REQUEST, [APPLIED], EndContext(Phase.APPLY))


class Failing(LocalArtifactStore):
    """Keeps nothing of one name while it is out of order."""

    broken = ""

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        if name == self.broken:
            raise Unavailable("The store is out of order.")
        return await super().put(deployment, name, content)


@pytest.fixture
def store(tmp_path: Path) -> Failing:
    return Failing(tmp_path)


@pytest.fixture
async def host(tmp_path: Path, store: Failing) -> AsyncIterator[WorkerHost]:
    async with worker_host(Settings(data_dir=tmp_path), store) as host:
        await host.prepare(DEPLOYMENT, REQUEST)
        for number in (1, 2):
            folder = tmp_path / "runs" / DEPLOYMENT / "steps" / str(number)
            folder.mkdir()
            event = {"id": f"{number}-1", "time": "", "level": "info", "phase": "plan"}
            line = json.dumps({**event, "text": f"line of {number}"})
            (folder / "events.jsonl").write_text(f"{line}\n")
        yield host


async def finalize(
    host: WorkerHost, attempt: int = 1, input: FinalizeDeploymentInput = INPUT
) -> DeploymentResult:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    return await environment.run(
        DeploymentActivities(host, host.plans, host.finalization, host.archive).finalize_deployment,
        input,
    )


async def content(store: LocalArtifactStore, name: str) -> bytes:
    opened = await store.open(DEPLOYMENT, name)
    return b"".join([chunk async for chunk in opened.chunks])


async def test_a_repeat_leaves_the_same_artifacts(host: WorkerHost, store: Failing) -> None:
    first = await finalize(host)
    found = {entry.name: entry.sha256 for entry in await store.entries(DEPLOYMENT)}
    assert set(found) == {
        "log.jsonl.gz",
        "log.txt",
        "outputs.json",
        "record.json",
        "step-1.jsonl",
        "step-2.jsonl",
    }
    assert await finalize(host, attempt=2) == first
    assert {item.name: item.sha256 for item in await store.entries(DEPLOYMENT)} == found
    assert json.loads(await content(store, "outputs.json"))["outputs"] == {
        "key": {"sensitive": True, "value": None},
        "url": {"sensitive": False, "value": "https://x"},
    }
    assert json.loads(await content(store, "record.json"))["result"]["status"] == "completed"


async def test_the_record_is_complete_where_the_input_is_an_excerpt(
    host: WorkerHost, store: Failing, tmp_path: Path
) -> None:
    """An output above 4,000 characters was in no artifact, and 200 of 500 addresses in none."""
    addresses = [f"terraform_data.x[{number}]" for number in range(5_000)]
    outputs = [
        Output("long", sensitive=False, value_json=json.dumps("é" * 90_000)),
        *APPLIED.outputs,
    ]
    complete = replace(APPLIED, changed=addresses, outputs=outputs)
    write_result(tmp_path / "runs" / DEPLOYMENT / "steps" / "2", complete)
    excerpt = replace(fit(complete), key=APPLIED.key)
    assert excerpt != complete

    result = await finalize(host, input=replace(INPUT, steps=[excerpt]))
    assert (result.status, result.omitted_outputs) == (Status.COMPLETED, ["long"])
    assert result.omitted == len(addresses) - len(result.changed) > 0
    record = json.loads(await content(store, "record.json"))
    assert record["result"]["changed"] == record["steps"][0]["changed"] == addresses
    stored = json.loads(await content(store, "outputs.json"))["outputs"]
    assert stored["long"] == {"sensitive": False, "value": "é" * 90_000}
    assert await finalize(host, attempt=2, input=replace(INPUT, steps=[excerpt])) == result


async def test_the_result_of_another_execution_is_not_taken(
    host: WorkerHost, tmp_path: Path
) -> None:
    """Temporal's outcome decides: a late worker may have stored another."""
    write_result(
        tmp_path / "runs" / DEPLOYMENT / "steps" / "2",
        replace(APPLIED, outcome=StepOutcome.FAILED, exit_code=1, applied=False),
    )
    assert (await finalize(host)).status is Status.COMPLETED


async def test_a_store_that_stays_away_does_not_change_the_end_and_gets_the_rest_later(
    host: WorkerHost, store: Failing, tmp_path: Path
) -> None:
    store.broken = "log.txt"
    assert (await finalize(host)).status is Status.COMPLETED
    assert "log.txt" not in [entry.name for entry in await store.entries(DEPLOYMENT)]
    folder = tmp_path / "runs" / DEPLOYMENT
    assert not (folder / "work").exists(), "the place on the host is free"
    await host.archive.send_pending()
    assert "log.txt" in [path.name for path in (folder / "outbox").iterdir()]
    store.broken = ""
    await host.archive.send_pending()
    assert not list((folder / "outbox").iterdir())
    assert len(await store.entries(DEPLOYMENT)) == 6
    text = (await content(store, "log.txt")).decode()
    assert [line.partition("line of ")[2] for line in text.splitlines()] == ["1", "2"]
    assert b"line of 2" in await content(store, "step-2.jsonl")
    assert json.loads(await content(store, "record.json"))["result"]["status"] == "completed"


async def test_a_state_that_does_not_answer_costs_the_outputs_and_nothing_else(
    host: WorkerHost, store: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: str) -> None:
        raise Unavailable("The bucket of states is out of order.")

    monkeypatch.setattr(host.archive, "enqueue_state_outputs", silent)
    stack = Stack("anava", "demo-project-1", "anava")
    cameras = replace(INPUT, request=replace(REQUEST, stack=stack))
    with pytest.raises(ApplicationError) as error:
        await finalize(host, input=cameras)
    assert (error.value.type, error.value.non_retryable) == ("Unavailable", False)
    assert (await finalize(host, attempt=3, input=cameras)).status is Status.COMPLETED
    assert "log.txt" in [entry.name for entry in await store.entries(DEPLOYMENT)]


async def test_an_end_after_the_loss_of_the_run_directory_can_be_repeated(
    host: WorkerHost, tmp_path: Path
) -> None:
    """The record made a directory without a stack, which stopped the clearing and each repeat."""
    shutil.rmtree(tmp_path / "runs" / DEPLOYMENT)
    first = await finalize(host)
    host.check_origin(DEPLOYMENT, "run-1")
    assert await finalize(host, attempt=2) == first
    assert first.status is Status.COMPLETED
    # A directory with work, or with an unreadable mark, is of another execution.
    folder = tmp_path / "runs" / DEPLOYMENT
    (folder / "work").mkdir()
    with pytest.raises(NotAcceptedByApi):
        host.check_origin(DEPLOYMENT, "run-1")
    (folder / "work").rmdir()
    (folder / "template.json").touch()
    with pytest.raises(NotAcceptedByApi):
        host.check_origin(DEPLOYMENT, "run-1")


def large_end(name: str) -> FinalizeDeploymentInput:
    """The end of a deployment whose outputs have 1.2 MB."""
    id = deployment_id(name)
    key = replace(APPLIED.key, deployment=id)
    large = Output("large", sensitive=False, value_json=json.dumps("x" * 1_200_000))
    return replace(INPUT, deployment=id, steps=[replace(APPLIED, key=key, outputs=[large])])


async def stored_outputs(store: LocalArtifactStore, ends: Iterable[FinalizeDeploymentInput]) -> int:
    """How many deployments have their outputs, and not a notice in their place."""
    entries = [entry for end in ends for entry in await store.entries(end.deployment)]
    outputs = [entry for entry in entries if entry.name == "outputs.json"]
    return sum(not entry.left_out for entry in outputs)


async def test_a_repeat_at_the_limit_of_the_owner_leaves_the_same_artifacts(
    tmp_path: Path, store: Failing
) -> None:
    """The outputs counted against themselves, and the repeat left them out."""
    settings = Settings(data_dir=tmp_path, limits=LimitsSettings(owner_mb=10))
    end, other = large_end("end"), large_end("other")
    async with worker_host(settings, store) as host:
        for input in (end, other):
            await host.prepare(input.deployment, REQUEST, "run", "local")
        first = await finalize(host, input=end)
        entries = {entry.name: entry.sha256 for entry in await store.entries(end.deployment)}
        assert await finalize(host, attempt=2, input=end) == first
        await finalize(host, input=other)
        assert await finalize(host, attempt=3, input=end) == first
        repeated = {entry.name: entry.sha256 for entry in await store.entries(end.deployment)}
    assert repeated == entries
    assert await stored_outputs(store, [end]) == 1
    assert await stored_outputs(store, [other]) == 0


async def test_ends_at_once_do_not_exceed_the_limit_of_their_owner(
    tmp_path: Path, store: Failing
) -> None:
    """Each counted before another wrote, so that all had the bytes that were left for the first."""
    settings = Settings(data_dir=tmp_path, limits=LimitsSettings(owner_mb=10))
    ends = [large_end(str(number)) for number in range(6)]
    async with worker_host(settings, store) as host:
        for end in ends:
            await host.prepare(end.deployment, REQUEST, "run", "local")
        await asyncio.gather(*(finalize(host, input=end) for end in ends))
    # 1.2 MB are within an eighth of 10 MB, and beyond an eighth of the 8.8 MB that are left then.
    assert await stored_outputs(store, ends) == 1
