"""One step's folder as the worker sees it: order, claim, lease, runner, log, result."""

import asyncio
import fcntl
import hashlib
import os
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.event_file import EVENT_FILE, read_end_record
from adapters.local.inotify import FileWatch
from adapters.terraform import command
from adapters.terraform.output.events import Translator
from adapters.terraform.state.lock_record import LockRecord
from deployments.credentials import Credential
from deployments.errors import PlanChanged, RunDirectoryBroken
from deployments.events import EndRecord
from deployments.imports import import_file
from deployments.phase import Phase
from deployments.ports import ActivityToken, StepStatus
from deployments.step import Resource, StepKey, StepOrder, StepResult, StopCause
from worker.steps import credential_file
from worker.steps.claims import Claims
from worker.steps.context import HostContext
from worker.steps.event_log import EventLog
from worker.steps.exit_record import StepEvidence, decode_exit, interpret
from worker.steps.runner_process import RunnerProcesses

__all__ = ["StepFolder", "sha256_of"]

# The files whose change means something to the keeper; its own writes do not wake it.
_NAMES = frozenset({"spool", "exit.json", "started.json", "stop.json"})
# An event file is flushed at most this often: at 1,000 lines/s a step carries five lines.
_PAUSE_SECONDS = 0.005
_ADOPTION_FILE = "adoption.tf.json"


class StepFolder:
    """Port `StepFolder` on real files and a real runner."""

    def __init__(self, run_directory: Path, key: StepKey, context: HostContext) -> None:
        self._run = run_directory
        self._work = run_directory / "work"
        self._folder = run_directory / "steps" / str(key.step)
        self._key = key
        self._context = context
        self._claims = Claims(self._folder, context.workers, context.worker)
        self._runners = RunnerProcesses(self._folder)
        self._log: EventLog | None = None
        self._lock: LockRecord | None = None
        self._watch: FileWatch | None = None
        self._resources = ExitStack()

    @property
    def key(self) -> StepKey:
        """Port `StepFolder`; so are all public methods below."""
        return self._key

    @property
    def detail(self) -> str:
        log = self._log
        if log is None:
            return "starting"
        tally = log.accumulator.tally()
        total = sum(tally.values())
        phase = self._phase()
        return f"{phase}: {tally['done']}/{total} resources, {log.lines} lines"

    def overdue(self) -> list[Resource]:
        return self._log.accumulator.overdue() if self._log else []

    def clock(self) -> float:
        return atomic_files.boot_seconds()

    def claim(self, activity_token: ActivityToken) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._claims.take(activity_token)

    def activity_token(self) -> ActivityToken | None:
        return self._claims.activity_token()

    def is_stale(self, stale_seconds: float) -> bool:
        """Whether nobody looks after the step, though somebody did."""
        return not self.is_settled() and self._claims.is_stale(stale_seconds)

    def renew(self) -> None:
        self._claims.renew()

    def extend_lease(self, sent_at: float) -> None:
        self._claims.check()
        seconds = self._order()["lease_seconds"]
        until = sent_at + (seconds if isinstance(seconds, int) else 0)
        atomic_files.replace(self._folder / "lease", f"{until:.3f}\n")

    def place(self, order: StepOrder) -> None:
        self._claims.check()
        if not self._work.is_dir():
            raise RunDirectoryBroken("the run directory is not on this host any more")
        if order.phase is Phase.APPLY and order.plan_sha256 != sha256_of(
            self._work / command.PLAN_FILE
        ):
            raise PlanChanged("the plan file is not the one that was planned")
        if order.phase is Phase.PLAN:
            self._place_imports(order)
        atomic_files.create(
            self._folder / "step.json",
            {
                "deployment": order.key.deployment,
                "step": order.key.step,
                "phase": order.phase,
                "argv": command.phase_argv(
                    self._context.terraform, order.phase, destroy=order.destroy
                ),
                "environment": self._context.environment_of(order, self._run / "home"),
                "deadline_seconds": order.deadline_seconds,
                "lease_seconds": order.lease_seconds,
                "no_progress_seconds": order.no_progress_seconds,
                "ladder": asdict(order.ladder),
                "credential_ref": order.credential_ref,
                "project_id": order.project_id,
            },
        )

    def credential_reference(self) -> str:
        order = atomic_files.read(self._folder / "step.json") or {}
        return str(order.get("credential_ref", ""))

    def write_credential(self, credential: Credential) -> None:
        self._claims.check()
        project_id = str(self._order().get("project_id", ""))
        credential_file.write(self._folder, credential, project_id)

    def look(self) -> StepStatus:
        self._runners.reap()
        there = {name: (self._folder / name).exists() for name in ("step.json", "exit.json")}
        return StepStatus(
            ordered=there["step.json"],
            started=(self._folder / "started.json").exists(),
            ended=there["exit.json"],
            alive=atomic_files.is_locked(self._folder / "alive.lock"),
            watched=atomic_files.is_locked(self._folder / "runner.lock"),
            sealed=read_end_record(self._folder / EVENT_FILE) is not None,
            stopping=(self._folder / "stop.json").exists(),
        )

    async def start(self) -> None:
        order = self._order()
        argv, environment = order["argv"], order["environment"]
        if not isinstance(argv, list) or not isinstance(environment, dict):
            raise RunDirectoryBroken("step.json holds no command")
        self._claims.check()
        command_line = (["--credential"] if order.get("credential_ref") else [], argv)
        await asyncio.to_thread(self._runners.start, *command_line, environment, self._work)

    async def finish(self) -> None:
        self._claims.check()
        await asyncio.to_thread(self._runners.finish)

    def withdraw(self) -> bool:
        self.stop(StopCause.SUPERSEDED)
        fd = os.open(self._folder / "alive.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A runner that has the lock has seen the stop or will see it; it is not ours to judge.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (self._folder / "started.json").exists():
                return False
            atomic_files.create(
                self._folder / "exit.json",
                {"outcome": "not_started", "stop": {"cause": StopCause.SUPERSEDED}},
            )
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    def stop(self, cause: StopCause, *, force: bool = False) -> None:
        if not self._run.is_dir():
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / "stop.json"
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        content = {"cause": cause, "force": force, "requested_at": at}
        if atomic_files.create(path, content) or not force:
            return
        atomic_files.replace(path, {**(atomic_files.read(path) or content), "force": True})

    async def pump(self) -> int:
        if not self._can_log():
            return 0
        log = self._open_log()
        lines = await log.pump()
        if log.accumulator.works_on_state:
            self._note_lock()
        return lines

    async def changed(self, seconds: float) -> None:
        if self._watch is None:
            # From now on every change is noticed; for what came before, the caller looks again.
            self._watch = self._resources.enter_context(
                self._context.changes.watch(self._folder, _NAMES)
            )
            return
        await asyncio.sleep(_PAUSE_SECONDS)
        await self._watch.changed(seconds)

    def wake(self) -> None:
        if self._watch is not None:
            self._watch.notice(None)

    async def close_log(self) -> EndRecord:
        await asyncio.to_thread(self._runners.wait)
        return await self._open_log().close()

    def result(self) -> StepResult:
        path = self._folder / "exit.json"
        if not path.exists():
            raise RunDirectoryBroken("the step has not ended")
        log = self._open_log()
        phase = self._phase()
        plan = self._work / command.PLAN_FILE
        result = interpret(
            self._key,
            phase,
            decode_exit(path.read_bytes()),
            log.accumulator,
            StepEvidence(log.seal, "", self._claims.epoch),
        )
        if phase is Phase.PLAN and plan.exists():
            return replace(result, plan_sha256=sha256_of(plan))
        return result

    def release(self) -> None:
        self._resources.close()
        self._claims.release()

    def settle(self) -> None:
        self._resources.close()
        (self._folder / "settled").touch(mode=0o600)

    def is_settled(self) -> bool:
        """Whether nobody needs to look after the step any more."""
        return (self._folder / "settled").exists()

    def _place_imports(self, order: StepOrder) -> None:
        """What the plan shall adopt; what the one before adopted is none of its business."""
        path = self._work / _ADOPTION_FILE
        path.unlink(missing_ok=True)
        if order.imports:
            atomic_files.replace(path, import_file(order.imports))

    def _can_log(self) -> bool:
        # Before terraform has started there is no time for a line to carry, and no line.
        return self._log is not None or (self._folder / "started.json").exists()

    def _open_log(self) -> EventLog:
        if self._log is None:
            started = atomic_files.read(self._folder / "started.json") or {}
            self._log = EventLog(
                folder=self._folder,
                key=self._key,
                translator=Translator(
                    self._key.step,
                    self._phase(),
                    str(started.get("started_at", "")),
                    self._context.redactor(self._key.deployment),
                ),
                check=self._claims.check,
                durations=self._context.durations,
            )
            self._resources.callback(self._log.release)
        return self._log

    def _note_lock(self) -> None:
        if self._lock is None and (state := self._context.states.used_by(self._work)):
            self._lock = LockRecord(self._folder, state)
            self._resources.callback(self._lock.close)
        if self._lock is not None:
            self._lock.note()

    def free_lock(self) -> None:
        """Remove the lock of the state that this step's terraform left when it died; blocks.

        Raises:
            Unavailable: the state's bucket does not answer.
        """
        state = self._context.states.used_by(self._work)
        if state is not None and not self.look().alive:
            LockRecord(self._folder, state).free()

    def _phase(self) -> Phase:
        return Phase(str(self._order()["phase"]))

    def _order(self) -> dict[str, object]:
        order = atomic_files.read(self._folder / "step.json")
        if order is None:
            raise RunDirectoryBroken("the step was never ordered")
        return order


def sha256_of(path: Path) -> str:
    """A file's hash; empty when it is missing."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
