"""Wakes whoever waits for a file in a folder to change; one inotify descriptor a process.

The kernel gives a user 128 inotify instances by default and far more watches, so all share one.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asyncinotify import Event, Inotify, Mask
from asyncinotify import Watch as KernelWatch

__all__ = ["FileChanges", "FileWatch"]

_MASK = Mask.MODIFY | Mask.CREATE | Mask.MOVED_TO
# Terraform writes 14,000 times a second in a burst, and each write is an event that would wake this
# process: unread, the kernel joins it with the one before. It had taken 0.7 of a core.
_PAUSE_SECONDS = 0.002
# Then others of this process have their turn.
_MOST_AT_ONCE = 1000


class FileWatch:
    """One waiter on one folder."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._event = asyncio.Event()

    def notice(self, name: str | None) -> None:
        """Take a change in; None when the kernel lost count."""
        if name is None or not self._names or name in self._names:
            self._event.set()

    async def changed(self, seconds: float) -> None:
        """Return at once when something changed since the last call, else at the next change.

        Args:
            seconds: return after so many at the latest.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()


class FileChanges:
    """Hands out watches; must be used from one event loop."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._reader: asyncio.Task[None] | None = None
        self._watches: dict[KernelWatch, list[FileWatch]] = {}

    @contextmanager
    def watch(self, folder: Path, names: frozenset[str] = frozenset()) -> Iterator[FileWatch]:
        """Watch a folder that exists.

        Args:
            folder: its files are watched, not those below.
            names: only these files count; empty for all.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        watch = FileWatch(names)
        kernel = self._kernel_watch(folder)
        self._watches.setdefault(kernel, []).append(watch)
        try:
            yield watch
        finally:
            self._forget(kernel, watch)

    def close(self) -> None:
        """Let go of the descriptor."""
        if self._reader is not None and self._inotify is not None:
            # Closed before the loop has let go of it, its number could be another file's already.
            inotify = self._inotify
            self._reader.add_done_callback(lambda _: inotify.close())
            self._reader.cancel()
        self._inotify = self._reader = None

    def _kernel_watch(self, folder: Path) -> KernelWatch:
        if self._inotify is None:
            # `sync_get` does not wait: it is called when there is something.
            self._inotify = Inotify(sync_timeout=0)
            self._reader = asyncio.create_task(self._read(self._inotify), name="file changes")
        # A folder watched twice is one watch of the kernel's.
        for known in self._watches:
            if known.path == folder:
                return known
        return self._inotify.add_watch(folder, _MASK)

    def _forget(self, kernel: KernelWatch, watch: FileWatch) -> None:
        others = self._watches[kernel]
        others.remove(watch)
        if not others:
            del self._watches[kernel]
            if self._inotify is not None and kernel.inotify is self._inotify:
                self._remove(kernel)

    def _remove(self, kernel: KernelWatch) -> None:
        assert self._inotify is not None  # noqa: S101 - the caller looked
        try:
            self._inotify.rm_watch(kernel)
        except OSError:
            # The folder is gone, and the kernel's watch with it.
            return

    async def _read(self, inotify: Inotify) -> None:
        is_empty = True
        while True:
            if is_empty:
                await _readable(inotify.fd)
            events = list(itertools.islice(iter(inotify.sync_get, None), _MOST_AT_ONCE))
            for event in events:
                self._notice(event)
            # Otherwise some may have been taken from the kernel that were not looked at yet.
            is_empty = len(events) < _MOST_AT_ONCE
            await asyncio.sleep(_PAUSE_SECONDS)

    def _notice(self, event: Event) -> None:
        if event.watch is None:
            for watches in self._watches.values():
                for watch in watches:
                    watch.notice(None)
            return
        name = event.name.name if event.name is not None else None
        for watch in self._watches.get(event.watch, ()):
            watch.notice(name)


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(fd, _resolve, readable)
    try:
        await readable
    finally:
        loop.remove_reader(fd)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
