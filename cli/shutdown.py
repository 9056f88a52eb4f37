"""Running deployments when `anava up` stops: cancel, leave, or continue to serve."""

import asyncio
import contextlib
import signal
import sys
from typing import Any, Protocol

import typer

from deployments.deployment import CancelRequest
from deployments.errors import NotFound, TemporalUnavailable

__all__ = ["NOTHING_CANCELLED", "ShutdownPrompt"]

_POLL_SECONDS = 0.3
# A Temporal that was killed is back within 2 s (measured), after the longest pause of its
# process manager within 7 s; the rest is for a slow machine.
_TEMPORAL_SECONDS = 20.0
_REQUEST = CancelRequest("local", "`anava up` was stopped")
_QUESTION = (
    "A deployment is running. [c]ancel it and wait, [l]eave terraform running "
    "(the next `anava up` continues with it), [b]ack: "
)
NOTHING_CANCELLED = (
    "No deployment was cancelled: a running terraform continues, and so does the deployment with "
    "the next `anava up`."
)
_STILL_STOPPING = (
    "Not ended after {seconds:g} s: {ids}. The cancel stays in force: terraform continues to stop, "
    "and the next `anava up` shows the end."
)
_NOT_CANCELLED = (
    "Not cancelled: {ids}. Terraform continues; the next `anava up` continues the deployment."
)


class RunningDeployments(Protocol):
    """The Temporal gateway's calls; they raise `TemporalUnavailable` and, for an id, `NotFound`."""

    async def running_ids(self) -> list[str]: ...
    async def cancel(self, deployment: str, request: CancelRequest) -> None: ...


class ShutdownPrompt:
    """A stop of `anava up`: prompts on a terminal, and cancels elsewhere.

    `signals` receives those that arrive meanwhile; `wait_seconds` limits the wait for the ends.
    """

    def __init__(
        self,
        running: RunningDeployments,
        signals: "asyncio.Queue[signal.Signals]",
        wait_seconds: float,
    ) -> None:
        self._running = running
        self._signals = signals
        self._wait_seconds = wait_seconds

    async def choice(self, number: signal.Signals) -> str:
        """The chosen letter: c(ancel), l(eave) or b(ack).

        Raises:
            TemporalUnavailable: Temporal does not answer.
        """
        is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        can_prompt = number is signal.SIGINT and is_terminal
        return await self._prompt() if can_prompt and await self._running_ids() else "c"

    async def cancel_all(self) -> bool:
        """Cancel every deployment, those that start meanwhile included, and wait for their ends.

        Returns:
            Whether all have ended; the others are named on stderr.

        Raises:
            TemporalUnavailable: Temporal does not answer.
        """
        cancelled: set[str] = set()
        left: list[str] = []
        try:
            async with asyncio.timeout(self._wait_seconds):
                while left := await self._running_ids():
                    if not cancelled:
                        typer.echo("Cancelling; waiting for terraform to save its state …")
                    for id in set(left) - cancelled:
                        if await self._cancel(id):
                            cancelled.add(id)
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            self._report(set(left), cancelled)
            return False
        return True

    async def _running_ids(self) -> list[str]:
        """List the ids; Temporal has 20 s to come back."""
        try:
            async with asyncio.timeout(_TEMPORAL_SECONDS):
                while True:
                    with contextlib.suppress(TemporalUnavailable):
                        return await self._running.running_ids()
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise TemporalUnavailable("Temporal does not answer.") from None

    async def _cancel(self, deployment: str) -> bool:
        """Request a cancel; whether Temporal accepted it or the deployment has ended."""
        try:
            await self._running.cancel(deployment, _REQUEST)
        except TemporalUnavailable:
            return False
        except NotFound:
            pass
        return True

    def _report(self, left: set[str], cancelled: set[str]) -> None:
        if slow := left & cancelled:
            ids = ", ".join(sorted(slow))
            typer.echo(_STILL_STOPPING.format(seconds=self._wait_seconds, ids=ids), err=True)
        if refused := left - cancelled:
            typer.echo(_NOT_CANCELLED.format(ids=", ".join(sorted(refused))), err=True)

    async def _prompt(self) -> str:
        """The typed letter; a second signal means cancel."""
        loop = asyncio.get_running_loop()
        while True:
            typer.echo(_QUESTION, nl=False)
            typed: asyncio.Future[str] = loop.create_future()
            loop.add_reader(sys.stdin, _read, typed)
            signalled = asyncio.create_task(self._signals.get())
            both: set[asyncio.Future[Any]] = {typed, signalled}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            loop.remove_reader(sys.stdin)
            if not typed.done():
                return "c"
            signalled.cancel()
            letter = typed.result().strip().lower()[:1]
            if letter in {"c", "l", "b"}:
                return letter


def _read(typed: "asyncio.Future[str]") -> None:
    if not typed.done():
        # At the end of input nothing can be typed: cancel.
        typed.set_result(sys.stdin.readline() or "c")
