"""Clients that do not read are cut, and cost the others nothing (`server` waits two seconds)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from api import server as served
from api.server import Server
from tests.api import rude
from tests.api.scripted import deploy, events, finish, log_ids, write
from tests.support.servers import eventually


@pytest.fixture
def join(server: Server) -> Iterator[rude.Join]:
    with rude.crowd(server.port) as one:
        yield one


def test_the_product_cuts_within_thirty_seconds() -> None:
    assert served.STALL_SECONDS <= 30


async def test_many_that_stall_are_cut_and_cost_the_others_nothing(
    live: httpx.AsyncClient,
    server: Server,
    client: Client,
    worker: None,
    tmp_path: Path,
    join: rude.Join,
) -> None:
    id = await deploy(live)
    seals = [await write(tmp_path, id, 1, 20_000)]
    for path, headers in rude.long_answers(id) * 20:
        await join().get(path, headers)
    connections = server.server_state.connections
    waiting: dict[Any, int] = {}

    def stalled() -> int:
        """Connections that ever waited: a slow machine cuts the first before the last joins."""
        for connection in list(connections):
            if size := connection.transport.get_write_buffer_size():
                waiting[connection] = max(size, waiting.get(connection, 0))
        return len(waiting)

    await eventually(lambda: stalled() == 60, "all of them to stall", 90)
    assert max(waiting.values()) < 256 * 1024
    good = asyncio.create_task(live.get(f"/api/deployment/{id}/logs/stream"))
    seals.append(await write(tmp_path, id, 2, 500))
    await finish(client, id, *seals)
    expected = [f"1-{n}" for n in range(1, 20_001)] + [f"2-{n}" for n in range(1, 501)]
    assert log_ids(events((await good).text)) == expected
    await eventually(lambda: len(connections) <= 1, "the cut")
    await eventually(lambda: not server.server_state.tasks, "the end of every request")


async def test_one_that_stalled_comes_back_and_reads_on(
    live: httpx.AsyncClient,
    server: Server,
    client: Client,
    worker: None,
    tmp_path: Path,
    join: rude.Join,
) -> None:
    id = await deploy(live)
    await finish(client, id, await write(tmp_path, id, 1, 20_000))
    url = f"/api/deployment/{id}/logs/stream"
    viewer = join()
    await viewer.get(url)
    found = b""
    while found.count(b"event: log") < 3:
        found += await viewer.read()
    await eventually(lambda: not server.server_state.tasks, "the cut")
    assert b"event: end" not in await viewer.read_all(), "it was cut, not served"
    snapshot = rude.ids(found.rpartition(b"\n\n")[0])
    again = await live.get(url, headers={"Last-Event-ID": snapshot[-1]})
    assert snapshot + log_ids(events(again.text)) == [f"1-{n}" for n in range(1, 20_001)]


async def test_one_that_reads_slowly_is_not_cut(
    live: httpx.AsyncClient, tmp_path: Path, join: rude.Join
) -> None:
    """It takes longer for what lies there than one that stalls is given."""
    id = await deploy(live)
    await write(tmp_path, id, 1, 4000)
    viewer = join()
    await viewer.get(f"/api/deployment/{id}/logs?format=ndjson")
    clock = asyncio.get_running_loop().time
    found, began = b"", clock()

    async def all_read() -> bool:
        # 4 KiB each 20 ms.
        nonlocal found
        block = await viewer.read()
        found += block
        return b'"1-4000"' in found or not block

    await eventually(all_read, "the last line")
    assert b'"1-4000"' in found
    assert clock() - began > 2
