"""Exclusive or shared use of a folder among all workers of a host."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

__all__ = ["exclusive", "exclusive_at_once", "shared"]

# Poll interval while another worker of this host works: rare, and a freed lock raises no event.
_POLL_SECONDS = 0.1


def exclusive(folder: Path) -> AbstractAsyncContextManager[None]:
    """Admit a single worker; a dead worker holds no lock."""
    return _locked(folder, fcntl.LOCK_EX)


def shared(folder: Path) -> AbstractAsyncContextManager[None]:
    """Admit any number of workers beside each other, and none beside an exclusive one."""
    return _locked(folder, fcntl.LOCK_SH)


@contextmanager
def exclusive_at_once(folder: Path) -> Iterator[None]:
    """Admit a single worker; raises BlockingIOError where another worker is admitted."""
    with _opened(folder) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@asynccontextmanager
async def _locked(folder: Path, kind: int) -> AsyncIterator[None]:
    with _opened(folder) as lock:
        while True:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_POLL_SECONDS)
        yield


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield lock
    finally:
        os.close(lock)
