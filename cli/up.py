"""`anava up`: Temporal, worker, API and optionally the Google stand-in, as child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import typer

from adapters import settings
from adapters.temporal import client as temporal
from adapters.temporal.gateway import TemporalGateway
from cli import google_stand_in, local_environment
from cli.client import ApiUnreachable, Client, CommandError
from cli.exit_codes import ExitCode
from cli.local_environment import LocalEnvironment
from cli.processes import ChildProcess, signal_queue
from cli.shutdown import NOTHING_CANCELLED, ShutdownPrompt
from deployments.errors import TemporalUnavailable

__all__ = ["Up", "default_environment", "demo_environment", "run"]

# The service is healthy about 5 s after the start; a slow machine may take 12 times as long.
_HEALTHY_SECONDS = 60.0
_LISTENING_SECONDS = 30.0
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
            CannotStart: a port is taken, or a child does not become healthy in time.
        """
        local = self.local
        local_environment.check_ports(local)
        (local.data / "logs").mkdir(exist_ok=True)
        if local.google_port is not None:
            await self._start_stand_in(local.google_port)
        self._start("temporal", self._temporal_argv())
        message = f"Temporal did not come up; see {self._log('temporal')}."
        await _until_listening(local.temporal_port, message)
        await local_environment.wait_until(self._register, _LISTENING_SECONDS, message)
        self._start("worker", [sys.executable, "-m", "worker_main"])
        self._start("api", [sys.executable, "-m", "cli.main", "api"])
        await local_environment.wait_until(
            self._healthy, _HEALTHY_SECONDS, f"Not healthy; see {local.data / 'logs'}."
        )

    async def stop_api(self) -> None:
        """Stop the API, the last child that was started: no new deployment is accepted."""
        if self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    async def stop(self) -> None:
        """Stop the children in the reverse order: API, worker, Temporal, Google stand-in."""
        while self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    def _temporal_argv(self) -> list[str]:
        local = self.local
        ui = ["--headless"] if local.ui_port is None else ["--ui-port", str(local.ui_port)]
        return [
            *(local_environment.temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1"),
            *("--port", str(local.temporal_port), *ui, "--log-level", "warn"),
            *local_environment.temporal_options(local.data / "temporal.db"),
        ]

    async def _start_stand_in(self, port: int) -> None:
        google_stand_in.remove_states(self.local.data)
        self._start("google", google_stand_in.argv(port))
        message = f"The simulated Google did not come up; see {self._log('google')}."
        await _until_listening(port, message)

    def _start(self, name: str, argv: list[str]) -> None:
        child = ChildProcess(name, argv, self.local.children_environment(), self._log(name))
        self._children.append(child)
        child.start(inherited=(self._lock,))

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
                health = await http.request("GET", "/health")
        except (ApiUnreachable, CommandError):
            return False
        # A sink that fails or a lost deployment is for people, and ends no start.
        return bool(health.get("temporal") and health.get("workers"))


async def run(local: LocalEnvironment, work: Callable[[Up], Awaitable[int | None]]) -> NoReturn:
    """Lock the folder, start, do the work, serve until a signal, stop; exits this process.

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
    sys.stdout.flush()
    sys.stderr.flush()
    # As in worker_main: the interpreter's shutdown sometimes crashes inside the SDK.
    os._exit(status)


async def _until_listening(port: int, message: str) -> None:
    listens = partial(local_environment.accepts_connections, "127.0.0.1", port)
    await local_environment.wait_until(listens, _LISTENING_SECONDS, message)


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
