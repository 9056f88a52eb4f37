"""Waits for changes of files in folders, with a single inotify descriptor per process.

The kernel allows 128 inotify instances per user by default and far more watches.
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
# Terraform writes 14,000 times a second in a burst, and each write is an event that wakes this
# process (0.7 of a core, measured). During the pause the kernel merges equal unread events.
_PAUSE_SECONDS = 0.002
# Maximum of events per pass, so that other tasks of the loop run in between.
_MAX_EVENTS = 1000


class FileWatch:
    """A waiter on a folder."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._event = asyncio.Event()

    def notify(self, name: str | None) -> None:
        """Wake the waiter if `name` is watched; None means that the kernel's queue overflowed."""
        if name is None or not self._names or name in self._names:
            self._event.set()

    async def changed(self, seconds: float) -> None:
        """Return after a change since the last call, else at the next change or the timeout."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()


class FileChanges:
    """Creates watches; to be used from a single event loop."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._reader: asyncio.Task[None] | None = None
        self._watches: dict[KernelWatch, list[FileWatch]] = {}

    @contextmanager
    def watch(self, folder: Path, names: frozenset[str] = frozenset()) -> Iterator[FileWatch]:
        """Watch files of a folder, without subfolders; all files when `names` is empty.

        Raises:
            FileNotFoundError: the folder does not exist.
        """
        watch = FileWatch(names)
        kernel = self._kernel_watch(folder)
        self._watches.setdefault(kernel, []).append(watch)
        try:
            yield watch
        finally:
            self._release(kernel, watch)

    def close(self) -> None:
        """Close the descriptor."""
        if self._reader is not None and self._inotify is not None:
            # After the loop has removed the reader: a closed descriptor's number may be reused.
            inotify = self._inotify
            self._reader.add_done_callback(lambda _: inotify.close())
            self._reader.cancel()
        self._inotify = self._reader = None

    def _kernel_watch(self, folder: Path) -> KernelWatch:
        if self._inotify is None:
            # `sync_get` must not block: it is called when the descriptor is readable.
            self._inotify = Inotify(sync_timeout=0)
            self._reader = asyncio.create_task(self._read(self._inotify), name="file changes")
        # The kernel has one watch per folder.
        for known in self._watches:
            if known.path == folder:
                return known
        return self._inotify.add_watch(folder, _MASK)

    def _release(self, kernel: KernelWatch, watch: FileWatch) -> None:
        others = self._watches[kernel]
        others.remove(watch)
        if not others:
            del self._watches[kernel]
            if self._inotify is not None and kernel.inotify is self._inotify:
                self._remove(kernel)

    def _remove(self, kernel: KernelWatch) -> None:
        assert self._inotify is not None  # noqa: S101 - checked by the caller
        try:
            self._inotify.rm_watch(kernel)
        except OSError:
            # The folder was removed, and the kernel's watch with it.
            return

    async def _read(self, inotify: Inotify) -> None:
        is_empty = True
        while True:
            if is_empty:
                await _readable(inotify.fd)
            events = list(itertools.islice(iter(inotify.sync_get, None), _MAX_EVENTS))
            for event in events:
                self._dispatch(event)
            # A full pass may leave events in the library's buffer.
            is_empty = len(events) < _MAX_EVENTS
            await asyncio.sleep(_PAUSE_SECONDS)

    def _dispatch(self, event: Event) -> None:
        if event.watch is None:
            for watches in self._watches.values():
                for watch in watches:
                    watch.notify(None)
            return
        name = event.name.name if event.name is not None else None
        for watch in self._watches.get(event.watch, ()):
            watch.notify(name)


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
