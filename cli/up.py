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
from temporalio.service import RPCError

from adapters import settings, temporal_client
from adapters.temporal_running import RunningDeployments
from cli import local, stand_in
from cli.client import Client, Refused, Unreachable
from cli.endings import ExitCode
from cli.local import LocalEnvironment
from cli.stopping import NOTHING_CANCELLED, ShutdownPrompt
from cli.supervise import ChildProcess, stop_on_signals
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
    return LocalEnvironment(found.data, found.api.host, found.api.port, temporal_port, ui_port, environment)


def demo_environment() -> LocalEnvironment:
    """A folder of the demo's own; other ports where the usual ones are taken."""
    local_environment = default_environment(7233, 8233)
    if "ANAVA_DATA_DIR" not in local_environment.environment:
        local_environment = replace(local_environment, data=Path("data/demo").resolve())

    def port(host: str, wanted: int) -> int:
        return wanted if wanted and local.is_free(host, wanted) else local.free_port()

    return replace(
        local_environment,
        port=port(local_environment.host, local_environment.port),
        temporal_port=port("127.0.0.1", local_environment.temporal_port),
        ui_port=port("127.0.0.1", 8233),
    )


class Up:
    """The children of one `anava up`.

    Args:
        place: where they lie and listen.
        held: the descriptor that holds the data folder; every child inherits it.
    """

    def __init__(self, local_environment: LocalEnvironment, held: int) -> None:
        self.local_environment = local_environment
        self.asked = stop_on_signals()
        self.running = RunningDeployments(local_environment.children_environment())
        self.is_serving = False
        self._held = held
        self._children: list[ChildProcess] = []

    async def start(self) -> None:
        """Start everything; returns when `/health` says healthy.

        Raises:
            CannotStart: something does not come up.
        """
        local_environment = self.local_environment
        local.check_ports(local_environment)
        (local_environment.data / "logs").mkdir(exist_ok=True)
        if local_environment.google_port is not None:
            await self._begin_stand_in(local_environment.google_port)
        self._begin("temporal", self._temporal_argv())
        message = f"Temporal did not come up; see {self._log('temporal')}."
        port = local_environment.temporal_port
        await local.eventually(
            lambda: local.answers("127.0.0.1", port), _TEMPORAL_SECONDS, message
        )
        await local.eventually(self._register, _TEMPORAL_SECONDS, message)
        self.is_serving = True
        self._begin("worker", [sys.executable, "-m", "worker_main"])
        self._begin("api", [sys.executable, "-m", "cli.main", "api"])
        await local.eventually(
            self._healthy, _HEALTHY_SECONDS, f"Not healthy; see {local_environment.data / 'logs'}."
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
        local_environment = self.local_environment
        ui = ["--headless"] if local_environment.ui_port is None else ["--ui-port", str(local_environment.ui_port)]
        return [
            *(local.temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1"),
            *("--port", str(local_environment.temporal_port), *ui),
            *("--log-level", "warn", *local.temporal_options(local_environment.data / "temporal.db")),
        ]

    async def _begin_stand_in(self, port: int) -> None:
        stand_in.forget(self.local_environment.data)
        environment = stand_in.environment(self.local_environment.children_environment())
        self._begin("google", stand_in.argv(port), environment)
        message = f"The stand-in for Google did not come up; see {self._log('google')}."
        await local.eventually(
            lambda: local.answers("127.0.0.1", port), _STAND_IN_SECONDS, message
        )

    def _begin(self, name: str, argv: list[str], environment: dict[str, str] | None = None) -> None:
        environment = environment or self.local_environment.children_environment()
        child = ChildProcess(name, argv, environment, self._log(name))
        self._children.append(child)
        child.begin(holding=(self._held,))

    def _log(self, name: str) -> Path:
        return self.local_environment.data / "logs" / f"{name}.log"

    async def _register(self) -> bool:
        try:
            client = await temporal_client.connect(self.local_environment.children_environment())
            await temporal_client.register(client)
            await temporal_client.set_retention(client)
        except (TemporalUnavailable, RPCError):
            return False
        return True

    async def _healthy(self) -> bool:
        try:
            async with Client(self.local_environment.api) as http:
                found = await http.request("GET", "/health")
        except (Unreachable, Refused):
            return False
        return found.get("status") == "healthy"


async def run(local_environment: LocalEnvironment, work: Callable[[Up], Awaitable[int | None]]) -> NoReturn:
    """Hold the folder, start, do the work, serve until a signal, stop; ends this process.

    A status from `work` ends everything; None goes on serving.

    Raises:
        CannotStart: with the reason.
    """
    await local.until_left(local_environment.data)
    with local.lock(local_environment.data) as held:
        up = Up(local_environment, held)
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
    if not up.is_serving:
        # None was accepted yet. One of an earlier `anava up` goes on, as it did without us.
        return True
    stopping = ShutdownPrompt(up.running, up.asked)
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
