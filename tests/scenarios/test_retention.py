"""Data go after their retention, and an idle worker does not notice how many have ended."""

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from deployments.deployment import DeploymentRequest, Stack, Status
from deployments.events import EndKind, EndRecord
from deployments.retention import DAY_SECONDS, RetainReason
from deployments.temporal_names import DEPLOYMENT_WORKFLOW, Attribute
from tests.support.api import start_api, until_ready
from tests.support.ids import deployment_id
from tests.support.processes import Usage
from tests.support.search_attributes import keywords
from tests.support.servers import ROOT, Process, TemporalServer, eventually, free_port
from tests.support.service import Deployment, House

_log = logging.getLogger(__name__)

REQUEST = DeploymentRequest(
    Stack("sandbox", "demo-project-1", "retained"), "us-central1", "US", '{"resource_seconds": 0}'
)
NUMBERS = [
    pytest.param(1_000, marks=pytest.mark.long),
    pytest.param(10_000, marks=[pytest.mark.heavy, pytest.mark.timeout(900)]),
]
STACKS = 100
CPU_SECONDS = 20.0
LINES = b"{}\n" * 20
LOGS = {
    step: LINES + EndRecord(step, EndKind.COMPLETE, 20, hashlib.sha256(LINES).hexdigest()).encode()
    for step in (1, 2, 3)
}


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[House]:
    """A house with a Temporal of its own."""
    folder = tmp_path / "full"
    folder.mkdir()
    server = TemporalServer(folder)
    server.start()
    house = House(await server.client(), server.address, folder)
    yield house
    await house.close()
    server.end()


async def retention(house: House, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "retention", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**house.environment(), "PYTHONPATH": str(ROOT)},
        cwd=house.data,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return out.decode()


def age(house: House, deployment: Deployment, days: float) -> None:
    """Let a deployment have ended some days earlier."""
    moment = time.time() - days * DAY_SECONDS
    for folder in (deployment.folder, house.data / "artifacts" / deployment.id):
        for path in folder.rglob("*"):
            os.utime(path, (moment, moment))


def files(house: House, *deployments: Deployment) -> set[Path]:
    folders = [house.data / name for name in ("runs", "artifacts")]
    paths = {folder / deployment.id for folder in folders for deployment in deployments}
    return {path for path in paths if path.exists()}


async def test_an_operator_sees_what_will_be_deleted_and_deletes_it(house: House) -> None:
    """Everything stayed until an operator removed the folders by hand."""
    house.worker()
    old = await house.start(REQUEST)
    assert (await old.result()).status is Status.COMPLETED
    newest = await house.start(REQUEST)
    assert (await newest.result()).status is Status.COMPLETED
    await eventually(lambda: not list((house.data / "runs" / "pending").iterdir()), "the rest", 30)
    age(house, old, 400)
    age(house, newest, 399)
    open_deployment = await house.deploy(resource_seconds=60)
    await open_deployment.until_file(3, "started.json")
    before = files(house, old, newest)
    assert len(before) == 4

    assert "would be deleted" in await retention(house, "--dry-run")
    assert files(house, old, newest) == before
    reports = {report["kind"]: report for report in json.loads(await retention(house, "--json"))}

    assert files(house, old, newest) == before - {old.folder}
    assert reports["run directories"]["expired"]["count"] == 1
    kept = reports["run directories"]["kept"]
    assert {reason: amount["count"] for reason, amount in kept.items()} == {
        RetainReason.NEWEST: 1,
        RetainReason.OPEN: 1,
    }
    assert reports["artifacts on this host"]["expired"]["count"] == 1
    left = (house.data / "artifacts" / old.id).iterdir()
    assert [path.name for path in left] == ["record.json"]
    assert house.recorded(newest), "the state of a living stack stays"


def ended(house: House, number: int, days: float) -> None:
    """What a deployment leaves after its end."""
    stack = f"local.sandbox.demo-project-1.p{number % STACKS}"
    run = house.data / "runs" / deployment_id(str(number))
    moment = time.time() - days * DAY_SECONDS
    for step in (1, 2, 3):
        folder = run / "steps" / str(step)
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_bytes(LOGS[step])
        for name in ("exit.json", "progress.json"):
            (folder / name).write_text("{}")
    (run / "template.json").write_text(json.dumps({"version": "1", "stack": stack}))
    record = run / "record.json"
    record.write_text(json.dumps({"result": {"status": "completed"}}))
    os.utime(record, (moment, moment))


async def idle_cpu(house: House) -> float:
    """CPU seconds of a worker that has nothing to do, after its start."""
    worker = house.worker()
    await house.until_up()
    pending = house.data / "runs" / "pending"
    await eventually(lambda: not (pending.is_dir() and any(pending.iterdir())), "rest", 120)
    await eventually((house.data / "runs" / "retention").exists, "the end of the pass", 180)
    async with asyncio.timeout(120):
        # The first passes of all loops.
        while await cpu_during(worker, 3) >= 0.3:
            continue
    seconds = await cpu_during(worker, CPU_SECONDS)
    worker.end()
    return seconds


async def cpu_during(worker: Process, seconds: float) -> float:
    """CPU seconds of a worker in a time: a measurement, not a wait for an event."""
    usage = Usage(worker.popen.pid)
    await asyncio.sleep(seconds)
    return usage.cpu_seconds


@pytest.mark.parametrize("number", NUMBERS)
async def test_ended_deployments_cost_an_idle_worker_nothing(house: House, number: int) -> None:
    """An idle worker with 5,000 ended run directories used 100 times the CPU of an empty host."""
    empty = await idle_cpu(house)
    for index in range(number):
        ended(house, index, 80 if index < number // 2 else 100)
    # As if an hour had passed since the first worker's pass.
    (house.data / "runs" / "retention").unlink()

    full = await idle_cpu(house)

    _log.info("idle CPU in %s s: %.2f s, with ended deployments %.2f s", CPU_SECONDS, empty, full)
    assert full <= 2 * empty + 0.1, (empty, full)
    # The worker's first pass has deleted half of them but for the newest of each stack.
    left = list((house.data / "runs").glob("dep-*"))
    assert len(left) == number // 2 + STACKS
    reports = {report["kind"]: report for report in json.loads(await retention(house, "--json"))}
    assert reports["run directories"]["expired"]["count"] == 0
    disk = sum(path.lstat().st_blocks for path in (house.data / "runs").rglob("*")) * 512
    counted = sum(amount["size_bytes"] for amount in reports["run directories"]["kept"].values())
    assert counted <= disk <= 1.1 * counted + 20_000_000


@pytest.mark.parametrize("number", NUMBERS)
async def test_ended_deployments_do_not_slow_the_list(
    house: House, full: House, number: int
) -> None:
    async with listing(house) as few_api, listing(full) as many_api:
        await end_in_temporal(house, 100)
        await end_in_temporal(full, number)
        few, many = await list_p99(few_api, many_api)

    _log.info("p99 of the list: %.1f ms, with ended deployments %.1f ms", few * 1000, many * 1000)
    assert many <= 1.5 * few, (few, many)


@asynccontextmanager
async def listing(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A session of a house's API."""
    port = free_port()
    start_api(house, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as api:
        await until_ready(api)
        yield api


async def end_in_temporal(house: House, number: int) -> None:
    """Deployments of the owner that have ended, without a worker."""
    limit = asyncio.Semaphore(20)

    attributes = keywords(
        {
            Attribute.STATUS: "completed",
            Attribute.PHASE: "finalize",
            Attribute.OWNER: "local",
            Attribute.TENANT: "local",
            Attribute.STACK: REQUEST.stack.id,
        }
    )

    async def end() -> None:
        async with limit:
            handle = await house.client.start_workflow(
                DEPLOYMENT_WORKFLOW,
                id=f"dep-{uuid.uuid4().hex}",
                task_queue="without-a-worker",
                search_attributes=attributes,
                # Without a task for a worker, which would be half the work of the server.
                start_delay=timedelta(days=1),
            )
            await handle.terminate()

    await asyncio.gather(*(end() for _ in range(number)))
    query = f"WorkflowType = '{DEPLOYMENT_WORKFLOW}' AND ExecutionStatus = 'Terminated'"

    async def are_listed() -> bool:
        return (await house.client.count_workflows(query)).count >= number

    await eventually(are_listed, "the list of Temporal", 60)


async def list_p99(*apis: httpx.AsyncClient) -> list[float]:
    """The 99th percentile of 300 requests of the first page of each API, the best of three rounds.

    The APIs take turns, so that other work of the machine delays all alike.
    """
    rounds = [await _round(apis) for _ in range(3)]
    return [min(percentiles) for percentiles in zip(*rounds, strict=True)]


async def _round(apis: Sequence[httpx.AsyncClient]) -> list[float]:
    seconds: list[list[float]] = [[] for _ in apis]
    for _ in range(300):
        for api, durations in zip(apis, seconds, strict=True):
            begun = time.perf_counter()
            answer = await api.get("/api/deployments", params={"limit": 50})
            durations.append(time.perf_counter() - begun)
            assert answer.status_code == 200
            assert len(answer.json()["items"]) == 50
    return [sorted(durations)[len(durations) * 99 // 100] for durations in seconds]
