"""One data folder with its ports, and the `anava up` that runs there."""

import errno
import fcntl
import json
import os
import pty
import subprocess
import sys
import termios
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from adapters.settings import base_environment
from tests.support.listeners import Listener, listeners, process_tree
from tests.support.processes import (
    children,
    command_line,
    end_processes,
    end_processes_below,
)
from tests.support.servers import ROOT, eventually, free_port
from tests.support.service import Deployment, House

CHILDREN = {
    "server start-dev": "temporal",
    "worker_main": "worker",
    "cli.main api": "api",
    "api.temporal_ui_main": "temporal-ui",
}


class Terminal:
    """The far side of a pseudo-terminal: what a person types and sees."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = b""
        os.set_blocking(master, False)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def shows(self, text: str) -> None:
        """Wait for a text behind the last one that was waited for."""

        def found() -> bool:
            self._read()
            return text.encode() in self._seen

        await eventually(found, repr(text), 60)
        self._seen = self._seen.partition(text.encode())[2]

    def _read(self) -> None:
        try:
            self._seen += os.read(self._master, 65536)
        except BlockingIOError:
            return  # nothing new
        except OSError as error:
            # Everybody on the near side has closed it.
            if error.errno != errno.EIO:
                raise


class Machine:
    """A machine of its own: `anava up` can be started there again and again."""

    def __init__(self, data: Path, *, with_ui: bool = False) -> None:
        self.data = data
        self.ui_port = free_port() if with_ui else None
        self.port = free_port()
        self.temporal_port = free_port()
        self.settings: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> Path:
        return self.data / "up.out"

    def argv(self, *options: str) -> list[str]:
        ui = ["--no-ui"] if self.ui_port is None else ["--temporal-ui-port", str(self.ui_port)]
        ports = ["--temporal-port", str(self.temporal_port), *ui]
        return [sys.executable, "-m", "cli.main", "up", *ports, *options]

    def environment(self) -> dict[str, str]:
        known = base_environment()
        return {
            "PATH": known["PATH"],
            "ANAVA_DATA_DIR": str(self.data),
            "ANAVA_API__PORT": str(self.port),
            **self.settings,
        }

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self, *options: str) -> House:
        """Have `anava up` run here, as a service: nobody can be asked."""
        if self.process is None or self.process.poll() is not None:
            with self.output.open("wb") as output:
                self.process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program, returns at once
                    self.argv(*options),
                    env=self.environment(),
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            await self.until_said("Ready")
        return await self.house()

    @contextmanager
    def terminal(self) -> Iterator[Terminal]:
        """`anava up` started by a person at a terminal."""
        master, slave = pty.openpty()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            self.argv(),
            env=self.environment(),
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)
        try:
            yield Terminal(master)
        finally:
            os.close(master)

    def listeners(self) -> set[Listener]:
        """Address and port of every server of `anava up`."""
        assert self.process is not None
        assert self.ui_port is not None
        # Of API and guard only root sees the sockets.
        own = {("127.0.0.1", port) for port in (self.port, self.temporal_port, self.ui_port)}
        return own | listeners(process_tree(self.process.pid))

    async def until_said(self, text: str) -> None:
        await eventually(lambda: text in self.output.read_text(), f"{text!r} of `anava up`", 60)

    async def ended(self, seconds: float = 60) -> int:
        """Exit status of `anava up`."""
        process = self.process
        assert process is not None
        await eventually(lambda: process.poll() is not None, "the end of `anava up`", seconds)
        return process.returncode

    async def house(self) -> House:
        """What tests ask of a house, by a client of the Temporal that runs here now."""
        address = f"127.0.0.1:{self.temporal_port}"
        return House(await Client.connect(address), address, self.data)

    async def deploy(self, house: House, **variables: float) -> Deployment:
        """A deployment by the API, of a stack of its own."""
        body = {
            "template": "sandbox",
            "project_id": "demo-project-1",
            "prefix": "p" + uuid.uuid4().hex[:8],
            "variables": variables,
        }
        url = f"{self.api}/api/deploy"
        headers = {"Idempotency-Key": str(body["prefix"])}
        async with httpx.AsyncClient(timeout=30, trust_env=False) as session:

            async def accepted() -> httpx.Response | None:
                # A disk that stalls makes Temporal miss its 5 s; the same key asks for the same.
                answer = await session.post(url, json=body, headers=headers)
                assert answer.status_code in {202, 503}, answer.text
                return answer if answer.status_code == 202 else None

            answer = await eventually(accepted, "the acceptance")
        id, stack = answer.json()["id"], answer.json()["stack"]
        handle = house.client.get_workflow_handle(id)
        return Deployment(id, handle, self.data / "runs" / id, stack)

    def record(self, deployment: Deployment) -> dict[str, Any]:
        """How it ended, as the file says that outlives every server."""
        found: dict[str, Any] = json.loads((deployment.folder / "record.json").read_text())
        return found

    def children(self) -> dict[str, int]:
        """Pids of the servers by name."""
        assert self.process is not None
        found = {}
        for child in children(self.process.pid):
            words = command_line(child)
            found.update({name: child for part, name in CHILDREN.items() if part in words})
        return found

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Leave nothing, whatever a test did."""
        if self.process is not None and self.process.poll() is None:
            # The parent first: it starts a killed child again.
            end_processes([self.process.pid, *self.children().values()])
            self.process.wait()
        end_processes_below(self.data)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _own_terminal() -> None:
    # Ctrl-C is a signal only for those whose terminal it is.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
