"""What becomes of deployments that run when `anava up` is told to stop."""

import asyncio
import contextlib
import signal
import sys
from typing import Any, Protocol

import typer

from deployments.deployment import CancelRequest
from deployments.errors import NotFound, TemporalUnavailable

__all__ = ["NOTHING_CANCELLED", "RunningDeployments", "ShutdownPrompt"]

# Terraform has 180 s of grace by default; what saves its state for longer ends without us.
_CANCEL_SECONDS = 300.0
_PAUSE_SECONDS = 0.3
# A Temporal that was killed is back within 2 s (measured), after the longest pause of its
# process manager within 7 s; the rest is for a slow machine.
_TEMPORAL_SECONDS = 20.0
_REQUEST = CancelRequest("local", "`anava up` was stopped")
_QUESTION = (
    "A deployment is running. [c]ancel it and wait, [l]eave terraform running "
    "(the next `anava up` goes on with it), [b]ack: "
)
NOTHING_CANCELLED = (
    "So nothing was cancelled: a terraform that runs goes on, and the next `anava up` goes on "
    "with its deployment."
)
_STILL_STOPPING = (
    "Not ended after {seconds:g} s: {ids}. The cancel is kept: terraform goes on with its stop, "
    "and the next `anava up` says how it ended."
)
_NOT_CANCELLED = (
    "Not cancelled: {ids}. Terraform goes on, and the next `anava up` goes on with the deployment."
)


class RunningDeployments(Protocol):
    """The Temporal gateway's calls; they raise `TemporalUnavailable` and, for an id, `NotFound`."""

    async def running_ids(self) -> list[str]: ...
    async def cancel(self, deployment: str, request: CancelRequest) -> None: ...


class ShutdownPrompt:
    """One stop: asks where somebody can be asked, cancels where nobody can.

    Args:
        running: what has not ended.
        asked: signals that come meanwhile.
        wait_seconds: how long cancelled deployments are waited for.
    """

    def __init__(
        self,
        running: RunningDeployments,
        asked: "asyncio.Queue[signal.Signals]",
        wait_seconds: float = _CANCEL_SECONDS,
    ) -> None:
        self._running = running
        self._asked = asked
        self._wait_seconds = wait_seconds

    async def choice(self, number: signal.Signals) -> str:
        """The letter that says what to do: c(ancel), l(eave) or b(ack).

        Raises:
            TemporalUnavailable: nobody knows what runs.
        """
        can_ask = number is signal.SIGINT and sys.stdin.isatty() and sys.stdout.isatty()
        return await self._ask() if can_ask and await self._running_ids() else "c"

    async def cancel_all(self) -> bool:
        """Cancel what runs, and what starts meanwhile, until nothing does.

        Returns:
            Whether nothing runs any more; what does is told on stderr.

        Raises:
            TemporalUnavailable: nobody knows what runs.
        """
        taken: set[str] = set()
        left: list[str] = []
        try:
            async with asyncio.timeout(self._wait_seconds):
                while left := await self._running_ids():
                    if not taken:
                        typer.echo("Cancelling; waiting for terraform to save its state …")
                    for item in set(left) - taken:
                        if await self._cancel(item):
                            taken.add(item)
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            self._say_left(set(left), taken)
            return False
        return True

    async def _running_ids(self) -> list[str]:
        """List the ids; Temporal has 20 s to come back."""
        try:
            async with asyncio.timeout(_TEMPORAL_SECONDS):
                while True:
                    with contextlib.suppress(TemporalUnavailable):
                        return await self._running.running_ids()
                    await asyncio.sleep(_PAUSE_SECONDS)
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

    def _say_left(self, left: set[str], taken: set[str]) -> None:
        if slow := left & taken:
            ids = ", ".join(sorted(slow))
            typer.echo(_STILL_STOPPING.format(seconds=self._wait_seconds, ids=ids), err=True)
        if refused := left - taken:
            typer.echo(_NOT_CANCELLED.format(ids=", ".join(sorted(refused))), err=True)

    async def _ask(self) -> str:
        """The letter that was typed; a second signal means cancel."""
        loop = asyncio.get_running_loop()
        while True:
            typer.echo(_QUESTION, nl=False)
            typed: asyncio.Future[str] = loop.create_future()
            loop.add_reader(sys.stdin, _read, typed)
            asked = asyncio.create_task(self._asked.get())
            both: set[asyncio.Future[Any]] = {typed, asked}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            loop.remove_reader(sys.stdin)
            if not typed.done():
                return "c"
            asked.cancel()
            answer = typed.result().strip().lower()
            if answer[:1] in {"c", "l", "b"} and answer:
                return answer[:1]


def _read(typed: "asyncio.Future[str]") -> None:
    if not typed.done():
        # An end of input is nobody there to ask.
        typed.set_result(sys.stdin.readline() or "c")
