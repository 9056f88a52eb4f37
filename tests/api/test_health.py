"""How the service says that it is."""

import dataclasses
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.local.host_report import LocalHostReports
from adapters.local.sink_status import LocalSinkStatuses, sink_status_file
from api.app import build
from api.dependencies import Services
from deployments.log_ports import SinkStatus
from deployments.worker_reports import DiskStatus
from tests.api.serving import in_process
from tests.api.temporal import temporal_server
from tests.support.servers import eventually
from worker.run_root import RunRoot


@pytest.fixture(scope="module")
def temporal_address() -> Iterator[str]:
    """Where no other test's worker has ever asked for work: Temporal remembers one for minutes."""
    with temporal_server() as address:
        yield address


async def test_health_without_a_worker_is_degraded(api: httpx.AsyncClient) -> None:
    answer = await api.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["temporal"] is True


async def test_it_lives_and_is_ready(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health/live")).status_code == 200
    assert (await api.get("/health/ready")).status_code == 200
    assert (await api.get("/api/version")).json() == {"version": "0.1.0"}


@pytest.fixture
async def snapshot(services: Services, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a machine on which one worker lives."""
    app = build(
        dataclasses.replace(
            services, sinks=LocalSinkStatuses(tmp_path), host=LocalHostReports(tmp_path, tmp_path)
        )
    )
    async with in_process(app) as session:
        yield session


WELL = SinkStatus("gcs", 1, "", 0, 0.0, "")
LATE = SinkStatus("redis", 2, "dep-aaaaaaaaaaaaaaaaaaaaaaaaax/3-42", 7, 12.5, "no answer")


async def sinks(api: httpx.AsyncClient) -> list[SinkStatus]:
    answer = await api.get("/health")
    assert answer.status_code == 200, answer.text
    return [SinkStatus(**sink) for sink in answer.json()["sinks"]]


async def test_every_living_worker_tells_of_its_sinks(
    snapshot: httpx.AsyncClient, tmp_path: Path
) -> None:
    assert await sinks(snapshot) == []
    first, second = RunRoot(tmp_path), RunRoot(tmp_path)
    first.publish_sink_statuses([LATE, WELL])
    assert await sinks(snapshot) == [LATE, WELL]
    second.publish_sink_statuses(
        [
            dataclasses.replace(
                LATE, late_seconds=99, position="dep-aaaaaaaaaaaaaaaaaaaaaaaaay/1-1", error=""
            )
        ]
    )
    (joined,) = [sink for sink in await sinks(snapshot) if sink.name == "redis"]
    assert joined == SinkStatus(
        "redis", 4, "dep-aaaaaaaaaaaaaaaaaaaaaaaaay/1-1", 14, 99, "no answer"
    )
    second.close()
    assert LATE in await sinks(snapshot)
    first.close()
    assert await sinks(snapshot) == []


async def test_a_worker_that_died_or_fell_silent_tells_nothing(
    snapshot: httpx.AsyncClient, tmp_path: Path
) -> None:
    dead = tmp_path / "workers"
    dead.mkdir()
    (dead / "0123.lock").touch()
    told = {"sinks": [dataclasses.asdict(LATE)]}
    (dead / "0123.sinks.json").write_text(json.dumps(told))
    assert await sinks(snapshot) == []
    silent = RunRoot(tmp_path)
    silent.publish_sink_statuses([LATE])
    os.utime(silent.workers / f"{silent.worker}.lock", (0, 0))
    assert await sinks(snapshot) == []
    silent.close()


async def test_a_worker_that_shows_no_life_is_named_until_it_moves_again(
    snapshot: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A worker whose event loop was blocked passed for a healthy worker."""
    worker = RunRoot(tmp_path)
    assert (await snapshot.get("/health")).json()["stalled_workers"] == []
    os.utime(worker.workers / f"{worker.worker}.lock", (0, 0))
    health = (await snapshot.get("/health")).json()
    assert health["stalled_workers"] == [worker.worker]
    assert health["status"] == "degraded"
    worker.show_life()
    assert (await snapshot.get("/health")).json()["stalled_workers"] == []
    worker.close()


@pytest.mark.parametrize(("free_bytes", "admits"), [(1000, True), (999, False)])
async def test_a_disk_that_admits_nothing_degrades_health(
    services: Services, worker: None, tmp_path: Path, free_bytes: int, admits: bool
) -> None:
    status = DiskStatus(free_bytes, needed_bytes=1000)
    app = build(
        dataclasses.replace(services, host=LocalHostReports(tmp_path, tmp_path, lambda: status))
    )
    async with in_process(app) as session:

        async def polled_health() -> dict[str, object] | None:
            health: dict[str, object] = (await session.get("/health")).json()
            return health if health["workers"] else None

        health = await eventually(polled_health, "the worker")
    assert health["disk"] == {"free_bytes": free_bytes, "needed_bytes": 1000, "admits": admits}
    assert health["status"] == ("healthy" if admits else "degraded")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"sinks": 1}',
        b'{"sinks": [{"name": 1}]}',
        b"\xff",
        b'{"sinks": "\xff"}',
        b"[" * 9999,
    ],
)
async def test_what_a_worker_did_not_write_is_not_believed(
    snapshot: httpx.AsyncClient, tmp_path: Path, content: bytes
) -> None:
    root = RunRoot(tmp_path)
    sink_status_file(root.workers, root.worker).write_bytes(content)
    assert await sinks(snapshot) == []
    root.close()
