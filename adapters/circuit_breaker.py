"""A circuit breaker: a store that has failed is not called for a while.

A store that is frozen or behind a lost route answers no call, and each call waits for its timeout.
Only the calls in flight wait: after the first failure all others fail at once. When the pause is
over a single call tests the store, and the pause doubles while the store fails
(docs/adr/0023-a-store-that-fails-is-left-alone.md).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from deployments.errors import LogGap, NotFound, Unavailable

__all__ = ["CircuitBreaker"]

_log = logging.getLogger("anava.stores")

_R = TypeVar("_R")

# A store that restarts is back after about a second.
_FIRST_PAUSE_SECONDS = 1.0
# A person waits at most so long for a store that is back; a call each 10 s is no load.
_MAX_PAUSE_SECONDS = 10.0
# A healthy store answers within this time, also Cloud Storage. The call that tests a store then
# goes on in the background, so no request waits for the timeout of a store that is known to fail.
_TEST_SECONDS = 0.5


class CircuitBreaker:
    """Guards the calls of a process to a single store; `name` is for the log."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._error = ""
        self._pause = 0.0
        # The time of the next test of a failed store; None while the store is healthy.
        self._test_at: float | None = None
        self._healthy_since = float("-inf")
        self._test: asyncio.Task[Any] | None = None

    async def call(self, work: Callable[[], Coroutine[Any, Any, _R]]) -> _R:
        """Call the store, unless it has just failed.

        Raises:
            Unavailable: the store does not respond, or has failed a moment ago.
            LogGap, NotFound: the store responds, and lacks lines or the object.
        """
        if self._test_at is None:
            return await self._watched(work, is_test=False)
        if self._test is not None or self._clock() < self._test_at:
            raise Unavailable(self._error)
        test = asyncio.create_task(self._watched(work, is_test=True))
        test.add_done_callback(self._end_test)
        self._test = test
        await asyncio.wait({test}, timeout=_TEST_SECONDS)
        if not test.done():
            raise Unavailable(self._error)
        return test.result()

    async def _watched(self, work: Callable[[], Coroutine[Any, Any, _R]], *, is_test: bool) -> _R:
        try:
            result = await work()
        except (LogGap, NotFound):
            # The store responds.
            self._recover()
            raise
        except Unavailable as error:
            if is_test:
                self._leave(error)
            else:
                self.fail(error)
            raise
        self._recover()
        return result

    def fail(self, error: Unavailable) -> None:
        """Record a failure. Calls in flight when a store fails all fail, and count once."""
        if self._test_at is not None:
            return
        _log.warning("%s is not used for a while: %s", self._name, error)
        if self._clock() - self._healthy_since > _MAX_PAUSE_SECONDS:
            self._pause = 0.0
        self._leave(error)

    def _leave(self, error: Unavailable) -> None:
        """Leave the store alone, each time for twice as long."""
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
        self._test_at = self._clock() + self._pause
        self._error = str(error)

    def _recover(self) -> None:
        if self._test_at is not None:
            _log.info("%s is used again", self._name)
            self._test_at = None
            self._healthy_since = self._clock()

    def _end_test(self, test: asyncio.Task[Any]) -> None:
        self._test = None
        if not test.cancelled():
            # Marks the error as seen where no caller waited so long.
            test.exception()
