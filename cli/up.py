"""`anava up`: Temporal, its Web UI, worker, API, optionally a Google stand-in, as children."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import typer

from adapters import settings
from adapters.temporal import client as temporal
from adapters.temporal.gateway import TemporalGateway
from cli import google_stand_in, local_environment
from cli.client import ApiUnreachable, Client, CommandError
from cli.exit_codes import ExitCode
from cli.local_environment import LocalEnvironment
from cli.processes import ChildProcess, Patience, signal_queue, until_ready
from cli.shutdown import NOTHING_CANCELLED, ShutdownPrompt
from deployments.errors import TemporalUnavailable

__all__ = ["Up", "default_environment", "demo_environment", "run"]

# The worker gives its activities a grace period of 5 s; the other children stop sooner.
_STOP_SECONDS = 15.0
# Beside the stop ladder, for the end of the workflow. A state that takes long to save is not waited
# for.
_WORKFLOW_END_SECONDS = 60


def default_environment(temporal_port: int = 7233, ui_port: int | None = 8233) -> LocalEnvironment:
    """The data folder and addresses of the settings."""
    loaded = settings.load()
    environment = settings.base_environment()
    return LocalEnvironment(
        loaded.data, loaded.api.host, loaded.api.port, temporal_port, ui_port, environment
    )


def demo_environment() -> LocalEnvironment:
    """A data folder of the demo's own; free ports where the usual ports are taken."""
    local = default_environment()
    if "ANAVA_DATA_DIR" not in local.environment:
        local = replace(local, data=Path("data/demo").resolve())

    def port(host: str, usual: int) -> int:
        is_usable = usual and local_environment.is_port_free(host, usual)
        return usual if is_usable else local_environment.free_port()

    return replace(
        local,
        port=port(local.host, local.port),
        temporal_port=port("127.0.0.1", local.temporal_port),
        ui_port=port("127.0.0.1", 8233),
    )


class Up:
    """The child processes of an `anava up`, which inherit the lock of the data folder."""

    def __init__(self, local: LocalEnvironment, lock: int) -> None:
        self.local = local
        self.signals = signal_queue()
        # None until Temporal is up; deployments are accepted only after that.
        self.gateway: TemporalGateway | None = None
        self._lock = lock
        self._children: list[ChildProcess] = []

    async def start(self) -> None:
        """Start every child; returns when `/health` lists a worker.

        Raises:
            CannotStart: a port is taken, or a child makes no progress.
        """
        local = self.local
        local_environment.check_ports(local)
        self._logs.mkdir(exist_ok=True)
        if local.google_port is not None:
            await self._start_stand_in(local.google_port)
        temporal = self._start("temporal", self._temporal_argv())
        await self._until(partial(_listens, local.temporal_port), temporal)
        await self._until(self._register, temporal)
        worker = self._start("worker", [sys.executable, "-m", "worker_main"])
        if local.ui_port is not None:
            await self._start_ui_guard(local.ui_port)
        api = self._start("api", [sys.executable, "-m", "cli.main", "api"])
        await self._until(self._healthy, worker, api)

    async def stop_api(self) -> None:
        """Stop the API, the last child that was started: no new deployment is accepted."""
        if self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    async def stop(self) -> None:
        """Stop the children in the reverse order: API, Web UI, worker, Temporal, stand-in."""
        while self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    def _temporal_argv(self) -> list[str]:
        local = self.local
        ui = ["--headless"]
        if local.ui_port is not None:
            address, port = local.ui_server
            ui = ["--ui-ip", address, "--ui-port", str(port)]
        return [
            *(local_environment.temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1"),
            *("--port", str(local.temporal_port), *ui, "--log-level", "warn"),
            *local_environment.temporal_options(local.data / "temporal.db"),
        ]

    async def _start_stand_in(self, port: int) -> None:
        google_stand_in.remove_states(self.local.data)
        google = self._start("google", google_stand_in.argv(port, self.local.google_scenario))
        await self._until(partial(_listens, port), google)

    async def _start_ui_guard(self, port: int) -> None:
        guard = self._start("temporal-ui", [sys.executable, "-m", "api.temporal_ui_main"])
        await self._until(partial(_listens, port), guard)

    def _start(self, name: str, argv: list[str]) -> ChildProcess:
        log = self._logs / f"{name}.log"
        child = ChildProcess(name, argv, self.local.children_environment(), log)
        self._children.append(child)
        child.start(inherited=(self._lock,))
        return child

    async def _until(
        self, condition: Callable[[], Awaitable[bool]], *children: ChildProcess
    ) -> None:
        await until_ready(condition, children, self._logs, Patience())

    @property
    def _logs(self) -> Path:
        return self.local.data / "logs"

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
                health = await http.request("GET", "/health")
        except (ApiUnreachable, CommandError):
            return False
        # A sink that fails or a lost deployment is for people, and ends no start.
        return bool(health.get("temporal") and health.get("workers"))


async def run(local: LocalEnvironment, work: Callable[[Up], Awaitable[int | None]]) -> int:
    """Lock the folder, start, do the work, serve until a signal, stop; the exit status.

    An exit code from `work` stops the service; None continues to serve.

    Raises:
        CannotStart: the service cannot be started; the text names the obstacle.
    """
    await local_environment.wait_until_released(local.data)
    with local_environment.lock(local.data) as lock:
        up = Up(local, lock)
        try:
            status, number = await _until_signal(up, _start_and_work(up, work))
            while number is not None and not await _may_stop(up, number):
                number = await up.signals.get()
        finally:
            await up.stop()
    if status is None:
        is_interrupt = number is signal.SIGINT and not sys.stdin.isatty()
        status = ExitCode.INTERRUPTED if is_interrupt else ExitCode.OK
    return status


async def _listens(port: int) -> bool:
    return await local_environment.accepts_connections("127.0.0.1", port)


async def _start_and_work(up: Up, work: Callable[[Up], Awaitable[int | None]]) -> int | None:
    await up.start()
    return await work(up)


async def _until_signal(
    up: Up, work: Awaitable[int | None]
) -> tuple[int | None, signal.Signals | None]:
    """The exit code of the work, or the signal that arrived before that end or while serving."""
    working = asyncio.ensure_future(work)
    signalled = asyncio.create_task(up.signals.get())
    await asyncio.wait({working, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        try:
            status = working.result()
        except BaseException:
            signalled.cancel()
            raise
        if status is not None:
            signalled.cancel()
            return status, None
        return None, await signalled
    working.cancel()
    await asyncio.wait({working})
    return None, signalled.result()


async def _may_stop(up: Up, number: signal.Signals) -> bool:
    """Cancel or leave the running deployments; False to continue serving."""
    if up.gateway is None:
        # The API accepted no deployment yet; those of an earlier `anava up` continue by themselves.
        return True
    ladder = settings.load().phases.timings().ladder
    wait_seconds = ladder.seconds_without_saving + _WORKFLOW_END_SECONDS
    prompt = ShutdownPrompt(up.gateway, up.signals, wait_seconds)
    try:
        choice = await prompt.choice(number)
        if choice == "b":
            typer.echo("Serving; Ctrl-C stops.")
        if choice == "c" and await prompt.cancel_all():
            # A deployment may have started after the last poll: stop the API, then poll once more.
            await up.stop_api()
            await prompt.cancel_all()
    except TemporalUnavailable as error:
        typer.echo(f"{error} {NOTHING_CANCELLED}", err=True)
        return True
    return choice != "b"
