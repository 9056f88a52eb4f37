"""A container engine: the one that answers, or Debian's, started for the test and gone with it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from adapters.settings import base_environment
from tests.support.processes import children, end_processes
from tests.support.servers import ROOT

__all__ = ["Engine", "Unavailable", "engine", "eventually"]

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_CGROUP = "anava-compose"
# All it makes on the machine: network, mounts and processes go with these.
_NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


class Unavailable(Exception):
    """No container engine can be had; the text is the reason."""


class Engine:
    """Runs `docker` and compose, in whatever release there is.

    `is_own`: it was started here, knows no registry and has no image. `pid` is then a process in
    the network namespace where its ports are published.
    """

    def __init__(self, environment: Mapping[str, str], pid: int | None = None) -> None:
        self.environment = dict(environment)
        self.is_own = pid is not None
        self._pid = pid
        plugin = self._run(["docker", "compose", "version"]).returncode == 0
        self._compose = ["docker", "compose"] if plugin else ["docker-compose"]

    def docker(self, *words: str, stdin: str = "") -> str:
        """What the command prints."""
        return self.must(["docker", *words], stdin)

    def compose(self, checkout: Path, *words: str, stdin: str = "") -> str:
        """What the command prints, in the checkout."""
        return self.must([*self._compose, "-p", PROJECT, *words], stdin, checkout)

    def on_host(self, *argv: str) -> str:
        """What a command prints that runs where the ports are published."""
        enter = ["nsenter", "--net", "--target", str(self._pid)] if self._pid else []
        return self.must([*enter, *argv], cwd=ROOT)

    def must(self, argv: list[str], stdin: str = "", cwd: Path | None = None) -> str:
        """Run to a good end."""
        ended = self._run(argv, stdin, cwd)
        if ended.returncode:
            raise AssertionError(f"{' '.join(argv)}: {ended.stdout[-4000:]}{ended.stderr[-4000:]}")
        return ended.stdout

    def _run(
        self, argv: list[str], stdin: str = "", cwd: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - the test's own commands
            argv,
            input=stdin,
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )


PROJECT = "anava-test"


def eventually(look: Callable[[], object], what: str, seconds: float) -> None:
    """Wait until it is true."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come in {seconds} s")
        time.sleep(0.2)


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """The engine that answers, or one of its own in a folder that may be removed afterwards.

    Raises:
        Unavailable: no engine answers and none can be started.
    """
    environment = base_environment()
    if shutil.which("docker") and _answers(environment):
        yield Engine(environment)
        return
    if os.geteuid() != 0:
        raise Unavailable("no container engine answers, and only root can start one")
    for name in ("docker", "dockerd", "docker-compose", "debootstrap"):
        if not shutil.which(name):
            raise Unavailable(
                f"no container engine answers, and {name} is not installed. "
                "On Debian: apt-get install docker.io docker-compose debootstrap"
            )
    # The legacy builder: Debian's engine comes without the new one's client.
    own = {
        "DOCKER_HOST": f"unix://{folder}/docker.sock",
        "DOCKER_BUILDKIT": "0",
        "COMPOSE_DOCKER_CLI_BUILD": "0",
    }
    with _started(folder) as pid:
        yield Engine({**environment, **own}, pid)


@contextmanager
def _started(folder: Path) -> Iterator[int]:
    argv = ["dockerd", "--host", f"unix://{folder}/docker.sock", "--pidfile", f"{folder}/pid"]
    argv += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    argv += ["--cgroup-parent", f"/{_CGROUP}"]
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv]
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - as above
            ["unshare", *_NAMESPACES, *inside],  # noqa: S607 - Debian's own
            stdout=log,
            stderr=log,
        )
    environment = {**base_environment(), "DOCKER_HOST": f"unix://{folder}/docker.sock"}
    try:
        eventually(
            lambda: _answers(environment) or process.poll() is not None,
            "the container engine",
            _START_SECONDS,
        )
        if process.poll() is not None:
            lines = (folder / "engine.log").read_text().splitlines() or ["no message"]
            raise Unavailable(f"the container engine does not start here: {lines[-1]}")
        yield process.pid
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    end_processes(children(process.pid), signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The first process of the namespace goes with it, and all others with that one.
        process.kill()
        process.wait()
    # The one thing that no namespace takes with it: folders without a process, one a controller.
    for parent in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        for left in sorted((parent / _CGROUP).glob("**/"), reverse=True):
            left.rmdir()


def _answers(environment: Mapping[str, str]) -> bool:
    asked = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],  # noqa: S607 - whichever there is
        env=dict(environment),
        capture_output=True,
        check=False,
    )
    return asked.returncode == 0
