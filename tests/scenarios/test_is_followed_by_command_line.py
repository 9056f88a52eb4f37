"""`anava logs -f` is one whole log, whatever becomes of the API or of a store meanwhile."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import stores
from tests.support.api import start_api, until_ready
from tests.support.servers import ROOT, Process, eventually, free_port
from tests.support.service import House


@pytest.fixture
def redis() -> Iterator[stores.Store]:
    with stores.redis() as store:
        yield store


async def test_it_goes_on_over_a_killed_api_and_says_when_redis_is_gone(
    house: House, redis: stores.Store, tmp_path: Path
) -> None:
    await redis.until_up()
    house.settings |= {
        "ANAVA_LOG__SINKS": "local,redis",
        "ANAVA_LOG__SOURCES": "redis,local",
        "ANAVA_REDIS__URL": f"redis://{redis.host}",
    }
    port = free_port()
    house.worker()
    api = start_api(house, port)
    url = f"http://127.0.0.1:{port}"
    out, err = tmp_path / "out", tmp_path / "err"
    async with httpx.AsyncClient(base_url=url, timeout=60) as session:
        await until_ready(session)
        body = {
            "template": "sandbox",
            "project_id": "demo-project-1",
            "variables": {"resource_seconds": 8, "lines": 50},
        }
        id = (await session.post("/api/deploy", json=body)).json()["id"]
        # A shell keeps the two apart, as a person would.
        words = f"exec {sys.executable} -m cli.main logs -f --json {id} --api {url} >{out} 2>{err}"
        command = Process(
            ["/bin/sh", "-c", words],
            {**house.environment(), "PYTHONPATH": str(ROOT)},
            tmp_path / "sh",
        )
        house.workers.append(command)
        await eventually(lambda: out.exists() and '"3-20"' in out.read_text(), "the apply", 60)
        api.kill()
        start_api(house, port)
        await until_ready(session)
        redis.kill()
        notice = "reading from this machine\n"
        await eventually(lambda: notice in err.read_text(), "the notice", 60)
        await session.post(f"/api/deployment/{id}/cancel")
        await eventually(lambda: command.popen.poll() is not None, "the end", 60)
    assert command.popen.returncode == 3, err.read_text()
    *lines, last = [json.loads(line) for line in out.read_text().splitlines()]
    stored = []
    for step in (1, 2, 3):
        path = house.data / "runs" / id / "steps" / str(step) / "events.jsonl"
        stored += [json.loads(line)["id"] for line in path.read_text().splitlines()[:-1]]
    assert [item["id"] for item in lines] == stored
    assert last["status"] == "cancelled"
