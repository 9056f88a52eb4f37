"""Hundreds follow one deployment: no fault costs any of them a line, or gives it one twice."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.support import stores
from tests.support.api import start_api, until_ready
from tests.support.invariants import Views, check_invariants
from tests.support.servers import Process, eventually, free_port
from tests.support.service import House


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[stores.Store, stores.Store]]:
    with ExitStack() as running:
        yield (
            running.enter_context(stores.redis()),
            running.enter_context(stores.object_store(tmp_path_factory.mktemp("gcs"))),
        )


class Crowd:
    """So many viewers of one deployment, as one process beside the test."""

    def __init__(self, house: House, port: int, id: str, count: int) -> None:
        self._output = house.data / "viewers.out"
        argv = [sys.executable, "-m", "tests.scenarios.viewers", str(port), id, str(count)]
        self._process = Process(argv, house.environment(), self._output)
        house.workers.append(self._process)

    async def until_watching(self) -> None:
        await eventually(lambda: "watching\n" in self._output.read_text(), "the viewers", 60)

    async def outcome(self) -> dict[str, Any]:
        """What they saw, once all have seen the end."""
        await eventually(lambda: self._process.popen.poll() is not None, "their end", 90)
        found: dict[str, Any] = json.loads(self._output.read_text().splitlines()[-1])
        return found


def everything(house: House, id: str) -> tuple[int, str]:
    """How many lines the worker wrote, and the hash of their ids."""
    digest, count = hashlib.sha256(), 0
    for step in (1, 2, 3):
        path = house.data / "runs" / id / "steps" / str(step) / "events.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()]
        for event in events[:-1]:
            digest.update(f"{event['id']},".encode())
            count += 1
    return count, digest.hexdigest()


async def deploy(session: httpx.AsyncClient, prefix: str, **variables: float) -> str:
    body = {
        "template": "sandbox",
        "project_id": "demo-project-1",
        "prefix": prefix,
        "variables": variables,
    }
    return str((await session.post("/api/deploy", json=body)).json()["id"])


async def test_a_hundred_go_on_from_the_next_source_when_redis_is_killed(
    house: House, servers: tuple[stores.Store, stores.Store]
) -> None:
    redis, gcs = servers
    await redis.until_up()
    await gcs.until_up()
    await stores.make_bucket(gcs)
    house.settings |= {
        "ANAVA_LOG__SINKS": "local,redis,gcs",
        "ANAVA_LOG__SOURCES": "redis,gcs",
        "ANAVA_REDIS__URL": f"redis://{redis.host}",
        "ANAVA_GCS__BUCKET": stores.BUCKET,
        "ANAVA_GCS__ENDPOINT": f"http://{gcs.host}",
    }
    port = free_port()
    house.worker()
    start_api(house, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        id = await deploy(session, "redis-dies", resource_seconds=3, lines=160)
        crowd = Crowd(house, port, id, 100)
        await crowd.until_watching()
        spool = house.data / "runs" / id / "steps" / "3" / "spool"
        await eventually(lambda: spool.exists() and "line 80 of" in spool.read_text(), "the apply")
        redis.kill()
        found = await crowd.outcome()
        body = (await session.get(f"/api/deployment/{id}")).json()
        deployment = house.known(id, body["stack"])
        await check_invariants(house, deployment, Views(api=session))
    count, digest = everything(house, id)
    assert count > 2000
    assert found["digests"] == {digest: 100}, found
    assert found["lines"] == {str(count): 100}
    assert found["sources"] == {"reading from Cloud Storage": 100}
    assert found["connections"] == {"1": 100}, "nobody had to come back"
    assert (body["status"], body["reason"]) == ("completed", "applied")


@pytest.mark.long
async def test_five_hundred_go_on_when_the_api_is_killed_and_started_again(house: House) -> None:
    port = free_port()
    house.worker()
    api = start_api(house, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        id = await deploy(session, "api-dies", resource_seconds=4, lines=160)
        crowd = Crowd(house, port, id, 500)
        await crowd.until_watching()
        api.kill()
        start_api(house, port)
        found = await crowd.outcome()
        await until_ready(session)
        body = (await session.get(f"/api/deployment/{id}")).json()
        deployment = house.known(id, body["stack"])
        await check_invariants(house, deployment, Views(api=session))
    count, digest = everything(house, id)
    assert count > 2000
    assert found["digests"] == {digest: 500}, found
    assert found["lines"] == {str(count): 500}
    assert found["sources"] == {"": 500}
    assert min(map(int, found["connections"])) >= 2, "everybody was cut off"
