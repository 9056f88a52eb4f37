"""Running deployments when `anava up` stops: cancel, leave, or continue to serve."""

import asyncio
import signal
import sys
from typing import Any, Protocol

import typer

__all__ = ["NOTHING_CANCELLED", "ActiveDeployments", "ShutdownPrompt"]

# Terraform has 180 s of grace by default; a state that takes longer to save is not waited for.
_CANCEL_SECONDS = 300.0
_POLL_SECONDS = 0.3
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


class ActiveDeployments(Protocol):
    """The deployments that have not ended."""

    async def ids(self) -> list[str]:
        """Their ids.

        Raises:
            TemporalUnavailable: Temporal does not answer.
        """

    async def cancel(self, deployment: str, by: str, reason: str) -> bool:
        """Request a cancel; whether Temporal accepted the request."""


class ShutdownPrompt:
    """A stop of `anava up`: prompts on a terminal, and cancels elsewhere.

    Args:
        running: the deployments that have not ended.
        signals: signals that arrive during the stop.
        wait_seconds: limit of the wait for cancelled deployments.
    """

    def __init__(
        self,
        running: ActiveDeployments,
        signals: "asyncio.Queue[signal.Signals]",
        wait_seconds: float = _CANCEL_SECONDS,
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
        return await self._prompt() if can_prompt and await self._running.ids() else "c"

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
                while left := await self._running.ids():
                    if not cancelled:
                        typer.echo("Cancelling; waiting for terraform to save its state …")
                    for id in set(left) - cancelled:
                        if await self._running.cancel(id, "local", "`anava up` was stopped"):
                            cancelled.add(id)
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            self._report(set(left), cancelled)
            return False
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
