"""Whatever becomes of a store: nobody else waits for it, and in the end it has every line once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.local import atomic_files
from adapters.redis.log import open_redis
from tests.faults.copies import in_documents, in_objects, in_redis
from tests.support import stores
from tests.support.servers import eventually, free_port
from tests.support.shipping import Behind, Harbour, Servers, behind, harbour, repair, servers
from tests.support.tcp_proxy import Mode
from tests.support.verdicts import Verdict, always, seeded
from worker.steps.log_cursor import sinks_behind

ALL = ("redis", "gcs", "firestore")


@dataclass(frozen=True)
class Size:
    """How much is shipped, and how long a store stays away."""

    lines: int
    down_seconds: float
    patience_seconds: float


# A minute is what Google's own retries take; 100,000 lines are a large apply.
SIZES = [
    pytest.param(Size(5_000, 0, 60), id="short"),
    pytest.param(
        Size(100_000, 60, 300), id="long", marks=[pytest.mark.heavy, pytest.mark.timeout(600)]
    ),
]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("objects"), free_port()) as found:
        yield found


@pytest.fixture
async def stores_behind(real: Servers) -> AsyncIterator[Behind]:
    async with behind(real) as found:
        yield found


@pytest.fixture
async def port(
    stores_behind: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Harbour]:
    async with harbour(stores_behind, tmp_path, monkeypatch) as found:
        yield found


async def cut(found: Behind, store: str) -> None:
    await found.lines[store].down()


async def swallow_all(found: Behind, store: str) -> None:
    found.lines[store].mode = Mode.BLACK_HOLE
    found.lines[store].cut()


async def refuse(found: Behind, _: str) -> None:
    found.http.rule = found.grpc.rule = always(Verdict.UNAVAILABLE)


async def exhaust(found: Behind, _: str) -> None:
    found.http.rule = found.grpc.rule = always(Verdict.EXHAUSTED)


FAULTS: list[tuple[str, Callable[[Behind, str], Any], tuple[str, ...]]] = [
    ("redis", cut, ("gcs", "firestore")),
    ("gcs", cut, ("redis", "firestore")),
    ("firestore", cut, ("redis", "gcs")),
    ("redis", swallow_all, ("gcs", "firestore")),
    ("gcs", swallow_all, ("redis", "firestore")),
    ("firestore", swallow_all, ("redis", "gcs")),
    ("google", refuse, ("redis",)),
    ("google", exhaust, ("redis",)),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("store", "fault", "others"), FAULTS, ids=[f"{one}-{how.__name__}" for one, how, _ in FAULTS]
)
async def test_a_dead_store_delays_nobody_and_has_every_line_once_when_it_is_back(
    port: Harbour,
    size: Size,
    store: str,
    fault: Callable[[Behind, str], Any],
    others: tuple[str, ...],
) -> None:
    port.begin(1)
    await port.write(1, size.lines)
    await fault(port.stores, store)
    port.begin(2)
    await port.write(2, size.lines)
    await port.until_sealed(2, others, size.patience_seconds)
    dead = [name for name in ALL if name not in others]
    # It is still away, though the step and all the other stores have ended.
    assert not any(port.is_sealed(2, name) for name in dead)

    def complain() -> bool:
        return all(state.error for state in port.shipper.statuses() if state.name in dead)

    await eventually(complain, "the reason why the dead store lags")
    await asyncio.sleep(size.down_seconds)
    await repair(port.stores)
    for step in (1, 2):
        await port.until_sealed(step, ALL, size.patience_seconds)
    await port.assert_equal()
    assert [(state.error, state.behind_lines) for state in port.shipper.statuses()] == [("", 0)] * 3


async def test_stores_that_take_200_ms_a_call_have_every_line_once(port: Harbour) -> None:
    for line in port.stores.lines.values():
        line.latency_seconds = 0.2
    port.begin(1)
    await port.write(1, 20_000)
    await port.until_sealed(1, ALL)
    await repair(port.stores)
    await port.assert_equal()


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.long), 2])
async def test_what_is_carried_out_but_not_heard_of_is_kept_once(
    stores_behind: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """One answer in ten is lost: no event, no object and no document is there twice."""
    async with harbour(stores_behind, tmp_path, monkeypatch, limit_seconds=0.4) as port:
        for name, sink in port.sinks.items():
            # Sealing asks Cloud Storage twice for each object.
            sink.chunk_bytes = 8_000 if name == "gcs" else 2_000
        await port.write(1, 3_000)
        stores_behind.lines["redis"].rule = seeded(seed, 0.1, Verdict.SWALLOW)
        stores_behind.http.rule = seeded(seed, 0.1, Verdict.SWALLOW)
        stores_behind.grpc.rule = seeded(seed, 0.1, Verdict.SWALLOW)
        for proxy in (stores_behind.http, stores_behind.grpc):
            proxy.calls.clear()
        port.begin(1)
        await port.until_sealed(1, ALL, 110)
        for proxy in (stores_behind.http, stores_behind.grpc):
            lost = [one for one, verdict in proxy.calls if verdict is Verdict.SWALLOW]
            assert lost, "the fault did happen"
        await repair(stores_behind)
        await port.assert_equal()
        written = port.lines(1)
        client = open_redis(f"redis://{stores_behind.lines['redis'].host}")
        assert await in_redis(client, port.deployment) == written
        await client.aclose()
        assert await in_objects(port.objects, port.deployment) == written
        assert await in_documents(port.documents, port.deployment) == written


async def test_a_full_redis_delays_nobody_and_has_every_line_once_when_it_has_room(
    stores_behind: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stores.redis("--maxmemory", "4mb", "--maxmemory-policy", "noeviction") as small:
        await small.until_up()
        stores_behind.lines["redis"].target = small.port
        async with harbour(stores_behind, tmp_path, monkeypatch) as port:
            port.begin(1)
            await port.write(1, 200_000)
            await port.until_sealed(1, ("gcs", "firestore"))
            (state,) = [item for item in port.shipper.statuses() if item.name == "redis"]
            assert "OutOfMemory" in state.error
            client = open_redis(f"redis://{small.host}")
            await client.config_set("maxmemory", "200mb")
            await client.aclose()
            await port.until_sealed(1, ALL)
            await port.assert_equal()


async def test_a_redis_that_is_flushed_while_it_is_written_to_is_filled_again(
    port: Harbour, real: Servers
) -> None:
    port.begin(1)
    await port.write(1, 20_000)
    await port.until_sealed(1, ALL)
    await eventually(lambda: not any(state.steps for state in port.shipper.statuses()), "its end")
    client = open_redis(f"redis://{real.redis.host}")
    before = await port.shipper.generations()
    await client.flushall()
    await client.aclose()
    after = await port.shipper.generations()
    assert before["redis"] != after["redis"]
    # As the worker asks every ten seconds.
    assert sinks_behind(port.folder(1), after, 3600) == ["redis"]
    assert sinks_behind(port.folder(1), after, 0) == [], (
        "what is older than Redis keeps is not owed"
    )
    port.begin(1)
    await eventually(lambda: sinks_behind(port.folder(1), after, 3600) == [], "the refill")
    await port.assert_equal()


async def test_a_store_that_stays_dead_is_given_up_with_a_reason(
    stores_behind: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores_behind.lines["gcs"].down()
    async with harbour(stores_behind, tmp_path, monkeypatch, give_up_seconds=0.2) as port:
        await port.write(1, 10)
        port.begin(1)
        await port.until_sealed(1, ("redis", "firestore"))
        await eventually(
            lambda: not any(state.steps for state in port.shipper.statuses()), "the end of shipping"
        )
        cursor = atomic_files.read(port.folder(1) / "cursors" / "gcs.json") or {}
        assert str(cursor["given_up"]).startswith("sink_given_up: Cloud Storage")
        generations = await port.shipper.generations()
        assert set(generations) == set(ALL)
        assert sinks_behind(port.folder(1), generations, 3600) == []


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{", '{"line": "x"}', '{"line": -1}', "\0" * 100, '{"line": 1e99}'],
)
async def test_a_damaged_cursor_is_none(port: Harbour, content: str) -> None:
    await port.write(1, 10)
    folder = port.folder(1) / "cursors"
    folder.mkdir()
    for name in ALL:
        (folder / f"{name}.json").write_text(content, errors="surrogateescape")
    generations = await port.shipper.generations()
    assert sinks_behind(port.folder(1), generations, 3600) == list(ALL)
    port.begin(1)
    await port.until_sealed(1, ALL)
    await port.assert_equal()
