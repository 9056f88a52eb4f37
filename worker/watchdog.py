"""Ends a worker whose event loop is blocked, so that the process is started again."""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Watchdog"]

# The loop shows life, and the thread counts, once a second.
_TICK_SECONDS = 1.0
# A busy loop turns within milliseconds, on an overloaded machine within seconds. The next worker
# re-attaches, so an exit by mistake costs seconds and no work.
_LIMIT_SECONDS = 30


class Watchdog:
    """Shows life while the event loop turns; exits the process after `limit_seconds` without.

    A thread counts its own wake-ups since the loop last turned. A process that is stopped or
    suspended counts none, so that a pause never passes for a blocked loop. The status is
    EX_SOFTWARE, after a traceback of every thread on stderr.

    The thread needs the interpreter's lock: a call of a C function that holds the lock for ever
    is not noticed here, and the health check reports the worker.
    """

    def __init__(self, show_life: Callable[[], None], limit_seconds: int = _LIMIT_SECONDS) -> None:
        self._show_life = show_life
        self._limit_seconds = limit_seconds
        self._wakeups = 0
        self._ended = threading.Event()

    async def run(self) -> None:
        """Watch the running event loop until cancelled."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            while True:
                self._wakeups = 0
                # Without its sign of life the worker counts as stalled, which is for people.
                with suppress(OSError):
                    self._show_life()
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            self._wakeups += 1
            if self._wakeups >= self._limit_seconds:
                sys.stderr.write(f"The event loop did not turn for {self._limit_seconds} s.\n")
                faulthandler.dump_traceback()
                os._exit(os.EX_SOFTWARE)
