"""The runner of a step: order, status, processes and stop requests."""

import asyncio
import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.local import atomic_files, disk_space
from adapters.local.event_file import EVENT_FILE, read_end_record
from adapters.terraform import command
from deployments.errors import DiskFull, NotAcceptedByApi, PlanChanged, RunDirectoryBroken
from deployments.imports import import_file
from deployments.phase import Phase
from deployments.step import StepOrder, StepOutcome, StopCause
from worker.run_directory import RunDirectory
from worker.steps.context import HostContext
from worker.steps.order_file import ORDER_FILE, read_order, write_order

__all__ = ["RunnerProcess", "StepStatus", "runner_errors", "sha256_of"]

_RUNNER = Path(__file__).resolve().parents[2] / "runner" / "__main__.py"
_IMPORTS_FILE = "imports.tf.json"

# runner/step_files.py:DISK_FULL, the runner's exit status.
_DISK_FULL = 7
# The end of a Python traceback: the error itself and the last frames.
_MAX_ERRORS = 1000

# Between exit record and exit a runner only closes files.
_EXIT_WAIT_SECONDS = 5


@dataclass(frozen=True)
class StepStatus:
    """The files and locks of a step at a moment.

    `alive`: terraform, a child of terraform or the runner lives. `watched`: the runner lives.
    `sealed`: the log has an end record. `stopping`: a stop was requested.
    """

    ordered: bool = False
    started: bool = False
    ended: bool = False
    alive: bool = False
    watched: bool = False
    sealed: bool = False
    stopping: bool = False


class RunnerProcess:
    """The runner of a step; `check` raises Fenced when this worker does not own the step.

    Runners that this worker started are its children until it exits, and outlive the worker.
    """

    def __init__(
        self, run_directory: Path, folder: Path, context: HostContext, check: Callable[[], None]
    ) -> None:
        self._run = run_directory
        self._work = run_directory / "work"
        self._folder = folder
        self._context = context
        self._check = check
        self._children: list[subprocess.Popen[bytes]] = []
        self._disk_full = False

    def status(self) -> StepStatus:
        """Read the status from the step's files and locks."""
        self._reap()
        ordered = (self._folder / ORDER_FILE).exists()
        # Before the locks: a step with an exit record and no live process is complete.
        ended = (self._folder / "exit.json").exists()
        return StepStatus(
            ordered=ordered,
            started=(self._folder / "started.json").exists(),
            ended=ended,
            alive=atomic_files.is_locked(self._folder / "alive.lock"),
            watched=atomic_files.is_locked(self._folder / "runner.lock"),
            sealed=read_end_record(self._folder / EVENT_FILE) is not None,
            stopping=(self._folder / "stop.json").exists(),
        )

    def place(self, order: StepOrder) -> None:
        """Write the order of the step; an order that exists already stays.

        Raises:
            RunDirectoryBroken: the run directory is not on this host.
            PlanChanged: the plan file is not the planned file.
            NotAcceptedByApi: no search of this host has found a resource to import.
            DiskFull: the order cannot be written.
        """
        self._check()
        if not self._work.is_dir():
            raise RunDirectoryBroken("the run directory is not on this host any more")
        if order.phase is Phase.APPLY and order.plan_sha256 != sha256_of(
            self._work / command.PLAN_FILE
        ):
            raise PlanChanged("the plan file is not the file that was planned")
        if not RunDirectory(self._run).imports().issuperset(order.imports):
            raise NotAcceptedByApi("The plan imports what no search of this host has found.")
        argv = command.phase_argv(self._context.terraform, order.phase, destroy=order.destroy)
        environment = self._context.step_environment(order, self._run / "home")
        try:
            with disk_space.needing_space():
                if order.phase is Phase.PLAN:
                    self._place_imports(order)
                write_order(self._folder, order, argv, environment)
        except DiskFull:
            self._disk_full = True
            raise

    async def start(self) -> None:
        """Start a runner, which starts terraform; a second runner exits by itself."""
        order = read_order(self._folder)
        self._check()
        options = ["--credential"] if order.credential_ref else []
        arguments = [str(self._folder), *options, "--", *order.argv]
        await asyncio.to_thread(self._spawn, arguments, order.environment, self._work)

    async def finish(self) -> None:
        """Start a runner that ends the processes of a killed runner and writes the exit record."""
        self._check()
        await asyncio.to_thread(
            self._spawn, ["--finish", str(self._folder)], self._context.inherited, self._folder
        )

    def withdraw(self, error: str = "") -> bool:
        """End a step that has not started; False where terraform has started or is starting.

        With an `error` the step counts as failed to start, and is not repeated.
        """
        if (self._folder / "started.json").exists():
            return False
        self.stop(StopCause.SUPERSEDED)
        fd = os.open(self._folder / "alive.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A runner that holds the lock reads stop.json by itself.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (self._folder / "started.json").exists():
                return False
            outcome = StepOutcome.START_FAILED if error else StepOutcome.NOT_STARTED
            content = {
                "outcome": outcome,
                "stop": {"cause": StopCause.SUPERSEDED},
                "error": error or None,
                "disk_full": self._disk_full,
            }
            disk_space.create(self._folder / "exit.json", content)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    def stop(self, cause: StopCause, *, force: bool = False) -> None:
        """Request the runner to stop terraform; needs no claim, and the first cause stays."""
        if not self._run.is_dir():
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / "stop.json"
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        content = {"cause": cause, "force": force, "requested_at": at}
        if disk_space.create(path, content) or not force:
            return
        forced = {**(atomic_files.read(path) or content), "force": True}
        disk_space.replace(path, forced)

    def errors(self) -> str:
        """The end of what the runners wrote to stderr."""
        return runner_errors(self._folder)

    async def wait(self) -> None:
        """Wait for the exit of the runners of an ended step, 5 s at most for each."""
        await asyncio.to_thread(self._wait)

    def _place_imports(self, order: StepOrder) -> None:
        """Write the import blocks of this plan in place of those of the plan before."""
        path = self._work / _IMPORTS_FILE
        path.unlink(missing_ok=True)
        if order.imports:
            atomic_files.replace(path, import_file(order.imports))

    def _wait(self) -> None:
        for child in self._children:
            try:
                child.wait(_EXIT_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        self._reap()

    def _reap(self) -> None:
        self._disk_full |= any(child.poll() == _DISK_FULL for child in self._children)
        self._children = [child for child in self._children if child.poll() is None]

    def _spawn(self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        # A file, never a pipe: the worker's death closes a pipe, and SIGPIPE would kill the runner.
        with (self._folder / "runner.err").open("ab") as errors:
            self._children.append(
                subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                    # No site, no user folder, no PYTHON… variables: 10 ms instead of 40.
                    [sys.executable, "-I", "-S", str(_RUNNER), *arguments],
                    env=dict(environment),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,
                )
            )


def runner_errors(folder: Path) -> str:
    """The end of what the runners of a step wrote to stderr; empty for runners without a fault."""
    try:
        text = (folder / "runner.err").read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return text[-_MAX_ERRORS:].strip()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hex digits; empty for a missing file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
