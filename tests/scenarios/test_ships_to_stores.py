"""A deployment does not wait for stores; whoever works later ships what is owed to them."""

import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.firestore.client import open_firestore
from adapters.firestore.log import FirestoreLogSource
from adapters.gcs.log import GcsLogSource
from adapters.gcs.objects import open_objects
from adapters.local.sink_status import LocalSinkStatuses
from adapters.redis.log import RedisLogSource, open_redis
from deployments.deployment import DeploymentResult, Status
from deployments.events import LIMIT_NOTICE, EndKind
from deployments.log_ports import LogSource
from deployments.log_verification import Verdict, verify
from tests.support import stores
from tests.support.invariants import Views, check_invariants
from tests.support.servers import eventually, free_port
from tests.support.service import House
from tests.support.shipping import Behind, Servers, behind, servers
from tests.support.verdicts import Verdict as Fate
from tests.support.verdicts import always, never


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("objects"), free_port()) as found:
        yield found


@pytest.fixture
async def between(real: Servers) -> AsyncIterator[Behind]:
    async with behind(real) as found:
        yield found


def settings(found: Behind) -> dict[str, str]:
    return {
        "ANAVA_LOG__SINKS": "local,console,redis,gcs,firestore",
        "ANAVA_REDIS__URL": f"redis://{found.lines['redis'].host}",
        "ANAVA_GCS__BUCKET": stores.BUCKET,
        "ANAVA_GCS__ENDPOINT": f"http://{found.lines['gcs'].host}",
        "ANAVA_GOOGLE__PROJECT": "a-test",
        "FIRESTORE_EMULATOR_HOST": found.lines["firestore"].host,
    }


@asynccontextmanager
async def sources(real: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[LogSource]]:
    """As the stores are, with nothing in between."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", real.firestore.host)
    redis = open_redis(f"redis://{real.redis.host}")
    objects = open_objects(stores.BUCKET, f"http://{real.objects.host}", None)
    documents = open_firestore("a-test")
    yield [RedisLogSource(redis), GcsLogSource(objects), FirestoreLogSource(documents)]
    await redis.aclose()
    documents.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


async def until_equal(found: list[LogSource], deployment: str, result: DeploymentResult) -> None:
    async def equal() -> bool:
        copies = [await verify(item, deployment, result.seals) for item in found]
        return all(entry.verdict is Verdict.EQUAL for entry in copies)

    await eventually(equal, "equal copies everywhere", 90)


def on_the_console(log: Path, deployment: str) -> list[str]:
    entries = (line for line in log.read_text().splitlines() if f'"{deployment}.' in line)
    return [str(json.loads(entry)["logging.googleapis.com/insertId"]) for entry in entries]


async def until_seen(house: House, lines: int) -> None:
    """Health says of each store that it lacks so many lines, and why."""
    states = LocalSinkStatuses(house.data / "runs")

    async def look() -> bool:
        found = [item for item in await states.current() if item.name != "console"]
        return len(found) == 3 and all(
            (entry.behind_lines, bool(entry.error)) == (lines, lines > 0) for entry in found
        )

    await eventually(look, "what health should say", 60)


async def test_a_deployment_ends_with_all_stores_dead_and_the_next_worker_ships_all_of_it(
    house: House, real: Servers, between: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.settings = settings(between)
    for line in ("redis", "gcs"):
        await between.lines[line].down()
    between.grpc.rule = always(Fate.UNAVAILABLE)
    worker = house.worker()
    deployment = await house.deploy(resource_seconds=0.2, lines=50)
    result = await deployment.result()
    assert result.status is Status.COMPLETED
    await until_seen(house, sum(seal.lines + 1 for seal in result.seals))
    worker.signal(signal.SIGTERM)
    await eventually(lambda: worker.popen.poll() is not None, "the end of the worker")
    async with sources(real, monkeypatch) as found:
        document = open_firestore("a-test").deployment(deployment.id)
        assert not (await document.get()).exists
        for line in ("redis", "gcs"):
            await between.lines[line].up()
        between.grpc.rule = never
        house.worker()
        await until_equal(found, deployment.id, result)
        mirrored = (await document.get()).to_dict() or {}
        assert (mirrored["status"], mirrored["phase"]) == ("completed", "apply"), mirrored
        assert (mirrored["owner"], mirrored["stack"]) == ("local", deployment.stack)
        views = Views(sources=found, mirror=lambda: str(mirrored["status"]))
        await check_invariants(house, deployment, views)
    await until_seen(house, 0)


async def test_what_redis_lost_after_the_end_is_filled_in_and_the_console_repeats_nothing(
    house: House, real: Servers, between: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.settings = settings(between)
    house.worker()
    deployment = await house.deploy(resource_seconds=0)
    result = await deployment.result()
    async with sources(real, monkeypatch) as found:
        await until_equal(found, deployment.id, result)
        client = open_redis(f"redis://{real.redis.host}")
        await client.flushall()
        await client.aclose()
        await until_equal(found, deployment.id, result)
        await check_invariants(house, deployment, Views(sources=found))
    shown = on_the_console(house.data / "worker.log", deployment.id)
    assert len(shown) == len(set(shown)) == sum(seal.lines + 1 for seal in result.seals)


@pytest.mark.long
async def test_a_log_at_its_limit_ends_equally_everywhere_and_the_deployment_completes(
    house: House, real: Servers, between: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.settings = {**settings(between), "ANAVA_LOG__MAX_MB": "1"}
    house.worker()
    deployment = await house.deploy(resource_seconds=0, lines=1_500)
    result = await deployment.result()
    assert (result.status, result.counts.add) == (Status.COMPLETED, 12)
    ends = [seal.end for seal in result.seals]
    assert ends == [EndKind.COMPLETE, EndKind.COMPLETE, EndKind.LIMITED]
    assert result.seals[-1].missing_lines > 1_000
    size = sum(deployment.file(step, "events.jsonl").stat().st_size for step in (1, 2, 3))
    assert size < 1_010_000
    assert str(deployment.events(3)[-2]["text"]).startswith(LIMIT_NOTICE)
    async with sources(real, monkeypatch) as log_sources:
        await until_equal(log_sources, deployment.id, result)
