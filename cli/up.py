"""`anava up`: Temporal, worker and API on this machine, as children of this process."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from adapters import settings
from adapters.temporal import client as temporal
from adapters.temporal.gateway import TemporalGateway
from cli import google_stand_in, local_environment
from cli.client import Client, Refused, Unreachable
from cli.exit_codes import ExitCode
from cli.local_environment import LocalEnvironment
from cli.processes import ChildProcess, stop_on_signals
from cli.shutdown import NOTHING_CANCELLED, ShutdownPrompt
from deployments.errors import TemporalUnavailable

__all__ = ["Up", "default_environment", "demo_environment", "run"]

# From nothing to healthy takes about 5 s; a slow machine gets ten times that.
_HEALTHY_SECONDS = 60.0
_TEMPORAL_SECONDS = 30.0
_STAND_IN_SECONDS = 30.0
# The worker needs 5 s of grace for its activities, the others less.
_STOP_SECONDS = 15.0


def default_environment(temporal_port: int, ui_port: int | None) -> LocalEnvironment:
    """As the settings say."""
    found = settings.load()
    environment = settings.base_environment()
    return LocalEnvironment(
        found.data, found.api.host, found.api.port, temporal_port, ui_port, environment
    )


def demo_environment() -> LocalEnvironment:
    """A folder of the demo's own; other ports where the usual ones are taken."""
    local = default_environment(7233, 8233)
    if "ANAVA_DATA_DIR" not in local.environment:
        local = replace(local, data=Path("data/demo").resolve())

    def port(host: str, wanted: int) -> int:
        return (
            wanted
            if wanted and local_environment.is_free(host, wanted)
            else local_environment.free_port()
        )

    return replace(
        local,
        port=port(local.host, local.port),
        temporal_port=port("127.0.0.1", local.temporal_port),
        ui_port=port("127.0.0.1", 8233),
    )


class Up:
    """The children of one `anava up`.

    Args:
        place: where they lie and listen.
        held: the descriptor that holds the data folder; every child inherits it.
    """

    def __init__(self, local: LocalEnvironment, held: int) -> None:
        self.local = local
        self.asked = stop_on_signals()
        # None until Temporal is up; deployments are accepted only after that.
        self.gateway: TemporalGateway | None = None
        self._held = held
        self._children: list[ChildProcess] = []

    async def start(self) -> None:
        """Start everything; returns when `/health` says healthy.

        Raises:
            CannotStart: something does not come up.
        """
        local = self.local
        local_environment.check_ports(local)
        (local.data / "logs").mkdir(exist_ok=True)
        if local.google_port is not None:
            await self._begin_stand_in(local.google_port)
        self._begin("temporal", self._temporal_argv())
        message = f"Temporal did not come up; see {self._log('temporal')}."
        port = local.temporal_port
        await local_environment.eventually(
            lambda: local_environment.answers("127.0.0.1", port), _TEMPORAL_SECONDS, message
        )
        await local_environment.eventually(self._register, _TEMPORAL_SECONDS, message)
        self._begin("worker", [sys.executable, "-m", "worker_main"])
        self._begin("api", [sys.executable, "-m", "cli.main", "api"])
        await local_environment.eventually(
            self._healthy, _HEALTHY_SECONDS, f"Not healthy; see {local.data / 'logs'}."
        )

    async def close_door(self) -> None:
        """End the API, the last that was started: nothing new is accepted."""
        if self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    async def stop(self) -> None:
        """End the API, then the worker, then Temporal; the last started goes first."""
        while self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    def _temporal_argv(self) -> list[str]:
        local = self.local
        ui = ["--headless"] if local.ui_port is None else ["--ui-port", str(local.ui_port)]
        return [
            *(local_environment.temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1"),
            *("--port", str(local.temporal_port), *ui),
            *(
                "--log-level",
                "warn",
                *local_environment.temporal_options(local.data / "temporal.db"),
            ),
        ]

    async def _begin_stand_in(self, port: int) -> None:
        google_stand_in.forget(self.local.data)
        self._begin("google", google_stand_in.argv(port))
        message = f"The stand-in for Google did not come up; see {self._log('google')}."
        await local_environment.eventually(
            lambda: local_environment.answers("127.0.0.1", port), _STAND_IN_SECONDS, message
        )

    def _begin(self, name: str, argv: list[str], environment: dict[str, str] | None = None) -> None:
        environment = environment or self.local.children_environment()
        child = ChildProcess(name, argv, environment, self._log(name))
        self._children.append(child)
        child.begin(holding=(self._held,))

    def _log(self, name: str) -> Path:
        return self.local.data / "logs" / f"{name}.log"

    async def _register(self) -> bool:
        try:
            client = await temporal.connect(self.local.children_environment())
            await temporal.register(client)
            await temporal.set_retention(client)
        except TemporalUnavailable:
            return False
        self.gateway = TemporalGateway(client)
        return True

    async def _healthy(self) -> bool:
        try:
            async with Client(self.local.api) as http:
                found = await http.request("GET", "/health")
        except (Unreachable, Refused):
            return False
        return found.get("status") == "healthy"


async def run(local: LocalEnvironment, work: Callable[[Up], Awaitable[int | None]]) -> NoReturn:
    """Hold the folder, start, do the work, serve until a signal, stop; ends this process.

    A status from `work` ends everything; None goes on serving.

    Raises:
        CannotStart: with the reason.
    """
    await local_environment.until_left(local.data)
    with local_environment.lock(local.data) as held:
        up = Up(local, held)
        try:
            status, number = await _until_asked(up, _begin_work(up, work))
            while number is not None and not await _settle(up, number):
                number = await up.asked.get()
        finally:
            await up.stop()
    if status is None:
        unasked = number is signal.SIGINT and not sys.stdin.isatty()
        status = ExitCode.INTERRUPTED if unasked else ExitCode.OK
    sys.stdout.flush()
    sys.stderr.flush()
    # As worker_main does: the interpreter's own end crashes inside the SDK now and then.
    os._exit(status)


async def _begin_work(up: Up, work: Callable[[Up], Awaitable[int | None]]) -> int | None:
    await up.start()
    return await work(up)


async def _until_asked(
    up: Up, work: Awaitable[int | None]
) -> tuple[int | None, signal.Signals | None]:
    """The status that the work ended with, or the signal that came first or after it."""
    working = asyncio.ensure_future(work)
    asking = asyncio.create_task(up.asked.get())
    await asyncio.wait({working, asking}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        try:
            status = working.result()
        except BaseException:
            asking.cancel()
            raise
        if status is not None:
            asking.cancel()
            return status, None
        return None, await asking
    working.cancel()
    await asyncio.wait({working})
    return None, asking.result()


async def _settle(up: Up, number: signal.Signals) -> bool:
    """What becomes of running deployments; False to go on serving."""
    if up.gateway is None:
        # None was accepted yet. One of an earlier `anava up` goes on, as it did without us.
        return True
    stopping = ShutdownPrompt(up.gateway, up.asked)
    try:
        answer = await stopping.choice(number)
        if answer == "b":
            typer.echo("Serving; Ctrl-C stops.")
        if answer == "c" and await stopping.cancel_all():
            # The door is closed before the last look, so that nothing slips in behind it.
            await up.close_door()
            await stopping.cancel_all()
    except TemporalUnavailable as error:
        typer.echo(f"{error} {NOTHING_CANCELLED}", err=True)
        return True
    return answer != "b"
