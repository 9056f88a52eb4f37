"""`anava up`: Temporal, worker and API on this machine, as children of this process."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer

from adapters import settings
from cli import local
from cli.client import Refused, Unreachable, client, items, request
from cli.local import CannotStart
from cli.render import Exit
from cli.supervise import Child, stop_on_signals

__all__ = ["Place", "Up", "default_place", "demo_place", "run"]

# From nothing to healthy takes about 5 s; a slow machine gets ten times that.
_HEALTHY_SECONDS = 60.0
_TEMPORAL_SECONDS = 30.0
_CANCEL_SECONDS = 300.0
# The worker needs 5 s of grace for its activities, the others less.
_STOP_SECONDS = 15.0
_ACTIVE = ("queued", "running", "awaiting_approval")
_QUESTION = (
    "A deployment is running. [c]ancel it and wait, [l]eave terraform running "
    "(the next `anava up` goes on with it), [b]ack: "
)


@dataclass(frozen=True)
class Place:
    """Where the service of one machine lies and listens."""

    data: Path
    host: str
    port: int
    temporal_port: int = 7233
    ui_port: int | None = 8233
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """Base URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def ui(self) -> str | None:
        """Address of Temporal's own pages."""
        return None if self.ui_port is None else f"http://127.0.0.1:{self.ui_port}"

    def children_environment(self) -> dict[str, str]:
        """What the worker and the API are to know."""
        return {
            **self.environment,
            "ANAVA_DATA_DIR": str(self.data),
            "ANAVA_API__HOST": self.host,
            "ANAVA_API__PORT": str(self.port),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
        }


def default_place(temporal_port: int, ui_port: int | None) -> Place:
    """As the settings say."""
    found = settings.load()
    environment = settings.base_environment()
    return Place(found.data, found.api.host, found.api.port, temporal_port, ui_port, environment)


def demo_place() -> Place:
    """A folder of the demo's own; other ports where the usual ones are taken."""
    place = default_place(7233, 8233)
    if "ANAVA_DATA_DIR" not in place.environment:
        place = replace(place, data=Path("data/demo").resolve())

    def port(host: str, wanted: int) -> int:
        return wanted if wanted and local.is_free(host, wanted) else local.free_port()

    return replace(
        place,
        port=port(place.host, place.port),
        temporal_port=port("127.0.0.1", place.temporal_port),
        ui_port=port("127.0.0.1", 8233),
    )


class Up:
    """The children of one `anava up`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.asked = stop_on_signals()
        self._children: list[Child] = []

    async def start(self) -> None:
        """Start everything; returns when `/health` says healthy.

        Raises:
            CannotStart: something does not come up.
        """
        place = self.place
        self._check_ports()
        (place.data / "logs").mkdir(exist_ok=True)
        self._begin("temporal", self._temporal_argv())
        sentence = f"Temporal did not come up; see {self._log('temporal')}."
        port = place.temporal_port
        await local.eventually(
            lambda: local.answers("127.0.0.1", port), _TEMPORAL_SECONDS, sentence
        )
        await local.eventually(self._register, _TEMPORAL_SECONDS, sentence)
        self._begin("worker", [sys.executable, "-m", "worker_main"])
        self._begin("api", [sys.executable, "-m", "cli.main", "api"])
        await local.eventually(
            self._healthy, _HEALTHY_SECONDS, f"Not healthy; see {place.data / 'logs'}."
        )

    async def stop(self) -> None:
        """End the API, then the worker, then Temporal; the last started goes first."""
        while self._children:
            await self._children.pop().stop(_STOP_SECONDS)

    async def cancel_all(self) -> None:
        """Cancel what is active and wait until it has ended, 5 minutes at most."""
        with suppress(TimeoutError, Unreachable, Refused):
            async with asyncio.timeout(_CANCEL_SECONDS):
                for one in await self.active():
                    path = f"/api/deployment/{one}/cancel"
                    with suppress(Refused):
                        await self._call("POST", path, {"reason": "`anava up` was stopped"})
                while await self.active():  # noqa: ASYNC110 - the API is asked
                    await asyncio.sleep(0.3)

    async def active(self) -> list[str]:
        """Ids of what has not ended; none when nobody can say."""
        found: list[str] = []
        with suppress(Unreachable, Refused):
            for status in _ACTIVE:
                page = await self._call("GET", f"/api/deployments?status={status}")
                found += [str(one["id"]) for one in items(page)]
        return found

    async def _call(
        self, method: str, path: str, body: dict[str, str] | None = None
    ) -> dict[str, object]:
        async with client(self.place.api) as http:
            return await request(http, method, path, body)

    def _check_ports(self) -> None:
        place = self.place
        wanted = [("the API", place.host, place.port, "set ANAVA_API__PORT")]
        wanted.append(("Temporal", "127.0.0.1", place.temporal_port, "give --temporal-port"))
        if place.ui_port is not None:
            wanted.append(("Temporal's UI", "127.0.0.1", place.ui_port, "give --temporal-ui-port"))
        for what, host, port, advice in wanted:
            if not local.is_free(host, port):
                message = f"Port {port} of {host}, meant for {what}, is taken; {advice}."
                raise CannotStart(message)

    def _temporal_argv(self) -> list[str]:
        place = self.place
        ui = ["--headless"] if place.ui_port is None else ["--ui-port", str(place.ui_port)]
        return [
            *(local.temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1"),
            *("--port", str(place.temporal_port), *ui),
            *("--db-filename", str(place.data / "temporal.db"), "--log-level", "warn"),
        ]

    def _begin(self, name: str, argv: list[str]) -> None:
        child = Child(name, argv, self.place.children_environment(), self._log(name))
        self._children.append(child)
        child.begin()

    def _log(self, name: str) -> Path:
        return self.place.data / "logs" / f"{name}.log"

    async def _register(self) -> bool:
        with self._log("register").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli.main", "register"),
                env=self.place.children_environment(),
                stdout=log,
                stderr=log,
            )
            try:
                return await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()

    async def _healthy(self) -> bool:
        try:
            found = await self._call("GET", "/health")
        except (Unreachable, Refused):
            return False
        return found.get("status") == "healthy"


async def run(place: Place, work: Callable[[Up], Awaitable[int | None]]) -> int:
    """Hold the folder, start, do the work, serve until a signal, stop.

    A status from `work` ends everything; None goes on serving.

    Raises:
        CannotStart: with the reason.
    """
    with local.lock(place.data):
        up = Up(place)
        try:
            status, number = await _until_asked(up, _begin_work(up, work))
            while number is not None and not await _settle(up, number):
                number = await up.asked.get()
        finally:
            await up.stop()
    if status is None:
        return Exit.INTERRUPTED if number is signal.SIGINT and not sys.stdin.isatty() else Exit.OK
    return status


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
    """What becomes of active deployments; False to go on serving."""
    if not await up.active():
        return True
    can_ask = number is signal.SIGINT and sys.stdin.isatty() and sys.stdout.isatty()
    answer = await _ask(up) if can_ask else "c"
    if answer.startswith("c"):
        typer.echo("Cancelling; waiting for terraform to save its state …")
        await up.cancel_all()
    return not answer.startswith("b")


async def _ask(up: Up) -> str:
    """The letter that was typed; a second signal means cancel."""
    loop = asyncio.get_running_loop()
    while True:
        typer.echo(_QUESTION, nl=False)
        typed: asyncio.Future[str] = loop.create_future()
        loop.add_reader(sys.stdin, _read, typed)
        asked = asyncio.create_task(up.asked.get())
        both: set[asyncio.Future[Any]] = {typed, asked}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(sys.stdin)
        if not typed.done():
            return "c"
        asked.cancel()
        answer = typed.result().strip().lower()
        if answer[:1] in {"c", "l", "b"} and answer:
            return answer


def _read(typed: "asyncio.Future[str]") -> None:
    if not typed.done():
        # An end of input is nobody there to ask.
        typed.set_result(sys.stdin.readline() or "c")
