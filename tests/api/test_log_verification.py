"""Copies of a log are compared with the seals of the result, over HTTP."""

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from adapters.local.artifacts import LocalArtifactStore
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.redis.log import RedisLogSink, RedisLogSource, open_redis
from api.app import build
from api.dependencies import Services
from deployments.artifacts import RECORD, Artifact, Content
from deployments.errors import Unavailable
from deployments.events import EndRecord, EventId
from tests.api.scripted import deploy, finish, write
from tests.api.serving import in_process
from tests.support import stores

UNKNOWN = "dep-" + "a" * 26


@pytest.fixture
async def redis() -> AsyncIterator[stores.Store]:
    with stores.redis() as server:
        await server.until_up()
        yield server


@pytest.fixture
async def api(
    services: Services, redis: stores.Store, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    changes = FileChanges()
    client = open_redis(f"redis://{redis.host}")
    copies = (LocalLogSource(tmp_path, changes), RedisLogSource(client))
    app = build(dataclasses.replace(services, copies=copies))
    async with in_process(app) as session:
        yield session
    await client.aclose()
    changes.close()


async def ship(redis: stores.Store, run_root: Path, deployment: str) -> None:
    """As the worker does: the event files into Redis."""
    client = open_redis(f"redis://{redis.host}")
    changes = FileChanges()
    source = LocalLogSource(run_root, changes)
    for chunk in await source.read(deployment, EventId(0, 0), 10_000_000):
        await RedisLogSink(client, 60).write(deployment, chunk)
    changes.close()
    await client.aclose()


async def record(services: Services, deployment: str, *seals: EndRecord) -> None:
    steps = [{"seal": dataclasses.asdict(seal)} for seal in seals] + [{"seal": None}]
    await services.artifacts.put(deployment, RECORD, [json.dumps({"steps": steps}).encode()])


async def verify(api: httpx.AsyncClient, deployment: str) -> dict[str, Any]:
    answer = await api.get(f"/api/deployment/{deployment}/logs/verify")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def test_equal_copies_are_called_equal_and_a_difference_is_named(
    api: httpx.AsyncClient,
    services: Services,
    client: Client,
    worker: Worker,
    redis: stores.Store,
    tmp_path: Path,
) -> None:
    deployment = await deploy(api)
    seals = [await write(tmp_path, deployment, number, 30) for number in (1, 2)]
    await ship(redis, tmp_path, deployment)
    early = await api.get(f"/api/deployment/{deployment}/logs/verify")
    assert (early.status_code, early.json()["code"]) == (409, "log_not_sealed")
    await record(services, deployment, *seals)
    await finish(client, deployment, *seals)
    found = await verify(api, deployment)
    assert found["equal"] is True
    assert [item["name"] for item in found["copies"]] == ["record.json", "local", "redis"]
    assert found["seals"] == [dataclasses.asdict(seal) for seal in seals]
    flushed = open_redis(f"redis://{redis.host}")
    await flushed.flushall()
    await flushed.aclose()
    await record(services, deployment, seals[0])
    with (tmp_path / deployment / "steps" / "2" / "events.jsonl").open("ab") as file:
        file.write(b'{"id":"2-32"}\n')
    found = await verify(api, deployment)
    assert found["equal"] is False
    assert [entry["verdict"] for entry in found["copies"]] == ["differs", "differs", "missing"]
    redis.kill()
    found = await verify(api, deployment)
    assert found["copies"][2]["verdict"] == "unavailable"
    assert found["copies"][2]["error"]


class AwayStore(LocalArtifactStore):
    """A store that does not respond."""

    async def open(self, deployment: str, name: str) -> Content:
        raise Unavailable("the bucket does not respond")

    async def entries(self, deployment: str) -> list[Artifact]:
        raise Unavailable("the bucket does not respond")


async def test_a_store_of_artifacts_that_is_away_hides_neither_the_other_copies_nor_the_page(
    services: Services, client: Client, worker: Worker, tmp_path: Path
) -> None:
    """Both answered 503, although all else could be shown."""
    changes = FileChanges()
    away = dataclasses.replace(
        services,
        copies=(LocalLogSource(tmp_path, changes),),
        artifacts=AwayStore(tmp_path),
    )
    async with in_process(build(away)) as api:
        deployment = await deploy(api)
        seal = await write(tmp_path, deployment, 1, 30)
        await finish(client, deployment, seal)
        verification = await verify(api, deployment)
        page = await api.get(f"/deployment/{deployment}", headers={"accept": "text/html"})
    changes.close()
    assert [entry["verdict"] for entry in verification["copies"]] == ["unavailable", "equal"]
    assert verification["equal"] is False
    assert page.status_code == 200
    assert "The list of files is not available just now." in page.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"steps": 1}',
        b'{"steps": [{"seal": 1}]}',
        b'{"steps": [{}]}',
        b'{"steps": [{"seal": {"step": "1", "end": "complete", "lines": 1, "sha256": ""}}]}',
        b'{"steps": [{"seal": {"step": 1, "lines": 1, "sha256": ""}}]}',
        b'{"steps": [{"seal": {"step": 1, "end": 5, "lines": 1, "sha256": ""}}]}',
        b'{"steps": [{"seal": {"step": 2, "end": "complete", "lines": 1, "sha256": ""}}]}',
        b'{"steps": [{"seal": {"step": 1000000000, "end": "lost", "lines": 1, "sha256": ""}}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_a_damaged_record_differs(
    api: httpx.AsyncClient,
    services: Services,
    client: Client,
    worker: Worker,
    content: bytes,
) -> None:
    deployment = await deploy(api)
    await services.artifacts.put(deployment, RECORD, [content])
    await finish(client, deployment)
    found = await verify(api, deployment)
    assert found["copies"][0] == {
        "name": RECORD,
        "verdict": "differs",
        "steps": [],
        "error": "the file is not a record of a deployment",
    }


async def test_a_deployment_that_reached_no_host_has_no_log_and_no_difference(
    api: httpx.AsyncClient, client: Client, worker: Worker, tmp_path: Path
) -> None:
    """The record that only a host writes was reported as missing."""
    deployment = await deploy(api)
    await finish(client, deployment)
    report = await verify(api, deployment)
    assert report["equal"] is True
    assert [(copy["name"], copy["verdict"]) for copy in report["copies"]] == [
        ("local", "equal"),
        ("redis", "equal"),
    ]
    await write(tmp_path, deployment, 1, 3)
    report = await verify(api, deployment)
    assert report["equal"] is False
    assert report["copies"][0]["verdict"] == "differs"


async def test_one_that_an_operator_terminated_has_no_seal_unless_its_record_has(
    api: httpx.AsyncClient,
    services: Services,
    client: Client,
    worker: Worker,
    tmp_path: Path,
) -> None:
    deployment = await deploy(api)
    await client.get_workflow_handle(deployment).terminate()
    without = await api.get(f"/api/deployment/{deployment}/logs/verify")
    assert (without.status_code, without.json()["code"]) == (409, "log_not_sealed")
    seal = await write(tmp_path, deployment, 1, 3)
    await record(services, deployment, seal)
    found = await verify(api, deployment)
    assert [item["verdict"] for item in found["copies"]] == ["equal", "equal", "missing"]


async def test_a_record_with_a_step_that_it_does_not_list_is_no_record(
    api: httpx.AsyncClient, services: Services, client: Client, worker: Worker, tmp_path: Path
) -> None:
    """A damaged number of a step made an entry for each number below it, in memory and answer."""
    deployment = await deploy(api)
    await client.get_workflow_handle(deployment).terminate()
    seal = await write(tmp_path, deployment, 1, 3)
    await record(services, deployment, dataclasses.replace(seal, step=10_000))
    answer = await api.get(f"/api/deployment/{deployment}/logs/verify")
    assert (answer.status_code, answer.json()["code"]) == (409, "log_not_sealed")


@pytest.mark.parametrize(
    "deployment", ["..%2f..%2fetc", "dep-%00", "x" * 10_000, UNKNOWN, UNKNOWN + "%0a", "*"]
)
async def test_a_strange_or_unknown_id_is_not_found(
    api: httpx.AsyncClient, deployment: str
) -> None:
    answer = await api.get(f"/api/deployment/{deployment}/logs/verify")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
