"""Real servers for tests: Temporal's dev server, workers and the API as processes of their own."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, overload

from temporalio.client import Client

from adapters.settings import base_environment
from adapters.temporal.client import register
from cli.local_environment import temporal_options
from tests.support.forked import ForkedProcess, fork_server

ROOT = Path(__file__).resolve().parents[2]
TEMPORAL = Path(sys.executable).parent / "temporal"

_Answer = TypeVar("_Answer")


# Never closed, so that no port is given away twice.
_reservations: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that is given to no other process while this one lives.

    It stays bound by a socket that never listens. A server that sets SO_REUSEADDR may listen there
    all the same (Go, Java, Valkey, gRPC, uvicorn and asyncio do), and the kernel neither gives it
    to a `bind` to port 0 nor to an outgoing connection.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(("127.0.0.1", 0))
    _reservations.append(reservation)
    return int(reservation.getsockname()[1])


@overload
async def eventually(
    look: Callable[[], Awaitable[_Answer | None]], what: str, seconds: float = ...
) -> _Answer: ...


@overload
async def eventually(
    look: Callable[[], _Answer | None], what: str, seconds: float = ...
) -> _Answer: ...


async def eventually(look: Callable[[], object], what: str, seconds: float = 30.0) -> object:
    """The first true answer; an AssertionError that names what did not come."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    never = asyncio.Event()
    while True:
        answer = look()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert clock() < end, f"{what} did not come in {seconds} s"
        try:
            await asyncio.wait_for(never.wait(), 0.02)
        except TimeoutError:
            continue


class Process:
    """One child process of a test."""

    popen: subprocess.Popen[bytes] | ForkedProcess

    def __init__(
        self, argv: list[str], environment: dict[str, str], log: Path, *, forks: bool = False
    ) -> None:
        """Start a program; `forks`: the worker or the API, without the cost of its imports."""
        if forks:
            self.popen = fork_server().start(argv, environment, log)
            return
        with log.open("ab") as output:
            self.popen = subprocess.Popen(  # noqa: S603 - our own programs
                argv, env=environment, stdout=output, stderr=output, cwd=ROOT
            )

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end(self) -> None:
        """End it whatever it does."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


class TemporalServer:
    """A dev server on a database file, so that it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def files(self) -> list[Path]:
        """Everything it has written: its database and its log."""
        return [path for path in self._folder.iterdir() if path.is_file()]

    def start(self) -> None:
        argv = [str(TEMPORAL), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
        argv += ["--port", str(self._port), "--log-level", "error"]
        argv += temporal_options(self._folder / "temporal.db")
        self._process = Process(argv, base_environment(), self._folder / "temporal.log")

    def database(self) -> list[Path]:
        """The files of its database."""
        return list(self._folder.glob("temporal.db*"))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()

    def end(self) -> None:
        if self._process is not None:
            self._process.end()

    async def client(self) -> Client:
        """A client, once the server answers and knows our attributes."""

        async def connected() -> Client | None:
            try:
                return await Client.connect(self.address)
            except RuntimeError:
                return None

        client = await eventually(connected, "Temporal")
        await register(client)
        return client
