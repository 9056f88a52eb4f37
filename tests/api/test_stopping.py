"""The API as a process: clients that vanish leave nothing behind, and its stop waits for nobody."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from adapters.settings import base_environment
from tests.api import rude
from tests.api.scripted import deploy, events, write
from tests.api.serving import UNLIMITED_SETTINGS
from tests.support.servers import Process, eventually, free_port

# What a client may have said when it hangs or goes.
BEGINNINGS = (
    b"",
    b"GET /api/deploy",
    b"POST /api/deploy HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{",
)
# What a WebSocket's client may say last: a close, half a text, a close with half of its code.
LAST_FRAMES = (b"\x88\x80\0\0\0\0", b"\x81", b"\x88\x82\0\0\0\0\x03")
Leave = Callable[[rude.Client], Awaitable[None]]
LEAVE: tuple[Leave, ...] = (
    rude.Client.go,
    rude.Client.reset,
    rude.Client.half_close,
)


@dataclass
class Api:
    """The API as a process of its own."""

    process: Process
    port: int
    log: Path

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.process.popen.pid}/fd").iterdir()))


@pytest.fixture
async def program(temporal_address: str, tmp_path: Path) -> AsyncIterator[Api]:
    port, log = free_port(), tmp_path / "api.log"
    environment = {
        "PATH": base_environment()["PATH"],
        "TEMPORAL_ADDRESS": temporal_address,
        "ANAVA_DATA_DIR": str(tmp_path),
        "ANAVA_API__PORT": str(port),
        **UNLIMITED_SETTINGS,
    }
    api = Api(Process([sys.executable, "-m", "cli.main", "api"], environment, log), port, log)
    await eventually(lambda: "running on" in log.read_text(), "the API")
    yield api
    api.process.end()


@pytest.fixture
async def session(program: Api) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{program.port}"
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as session:
        yield session


@pytest.fixture
def join(program: Api) -> Iterator[rude.Join]:
    with rude.crowd(program.port) as one:
        yield one


async def until_closed(socket: ClientConnection) -> AsyncIterator[str]:
    try:
        while True:
            yield str(await socket.recv())
    except ConnectionClosed:
        return


async def leave_everywhere(id: str, join: rude.Join, leave: Leave) -> None:
    """One client for each moment in which one may leave."""
    for beginning in BEGINNINGS:
        one = join()
        await one.get("")
        await one.send(beginning)
        await leave(one)
    for path, headers in rude.long_answers(id):
        for blocks in (0, 1, 5):
            one = join()
            await one.get(path, headers)
            for _ in range(blocks):
                await one.read()
            await leave(one)
    for frame in LAST_FRAMES:
        one = join()
        await one.get(*rude.long_answers(id)[-1])
        await one.read()
        await one.send(frame)
        await leave(one)


async def test_clients_that_leave_in_any_moment_leave_nothing_behind(
    program: Api, session: httpx.AsyncClient, tmp_path: Path, join: rude.Join
) -> None:
    id = await deploy(session)
    await write(tmp_path / "runs", id, 1, 5000)
    before = program.files()
    for leave in LEAVE:
        await leave_everywhere(id, join, leave)
    await eventually(lambda: program.files() <= before, "the end of every connection")
    assert (await session.get(f"/api/deployment/{id}")).status_code == 200
    said = program.log.read_text()
    assert [word for word in ("Traceback", "ERROR", "rror:") if word in said] == []


async def test_a_stop_says_bye_and_waits_for_nobody_who_hangs(
    program: Api, session: httpx.AsyncClient, tmp_path: Path, join: rude.Join
) -> None:
    id = await deploy(session)
    streams = [
        asyncio.create_task(session.get(f"/api/deployment/{id}/logs/stream")) for _ in range(20)
    ]
    await write(tmp_path / "runs", id, 1, 20_000)
    for path, headers in rude.long_answers(id) * 4:
        await join().get(path, headers)
    for beginning in BEGINNINGS:
        one = join()
        await one.get("")
        await one.send(beginning)
    url = f"ws://127.0.0.1:{program.port}/api/deployment/{id}/ws"
    async with connect(url, proxy=None) as socket:
        await socket.recv()
        await eventually(lambda: program.files() > 45, "all of them")
        clock = asyncio.get_running_loop().time
        began = clock()
        program.process.signal(signal.SIGTERM)
        *_, last = [message async for message in until_closed(socket)]
        assert last == '{"event":"bye","data":{"reason":"server_stopping"}}'
        assert socket.close_code == 1012
    for answer in await asyncio.gather(*streams):
        assert events(answer.text)[-1][::2] == ("bye", {"reason": "server_stopping"})
    await eventually(lambda: program.process.popen.poll() is not None, "the end", 8)
    assert clock() - began < 8
    assert program.process.popen.returncode == 0
    assert "Traceback" not in program.log.read_text()
